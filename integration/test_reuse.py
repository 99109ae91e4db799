"""What a second build does: nothing where nothing changed, and no more than what a change asks for."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.workbench import BASE, Workbench, commands, diff_ids, layer_states, warnings

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

    from cnb_platform.result import BuildResult

FOUND = """
import importlib.util, json
print(json.dumps([name for name in ("alpha", "beta", "gamma", "tester") if importlib.util.find_spec(name)]))
"""
SHOP = "shop"
GROUPS = '[dependency-groups]\ndev = ["tester"]\nextra = ["gamma"]\n'


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> App:
    """A packaged application with two dependencies and a group that is not installed."""
    app = App(tmp_path_factory.mktemp("shop"))
    app.write(
        {
            "pyproject.toml": project("shop", ("beta==1.0",), index=index.address, packaged=True, more=GROUPS),
            "src/shop/__init__.py": "def greet():\n    return 'hello'\n",
            "main.py": "import shop\n",
        }
    )
    app.lock()
    return app


@pytest.fixture(scope="module")
def first(bench: Workbench, stock: App) -> BuildResult:
    """The application, built as the image SHOP."""
    return bench.build(stock, SHOP, previous=BASE)


@pytest.fixture
def shop(stock: App, app: App) -> App:
    """A checkout of the application, to be edited."""
    shutil.copytree(stock.directory, app.directory, dirs_exist_ok=True)
    return app


def test_layers_are_for_launch_only_and_their_metadata_are_texts(first: BuildResult) -> None:
    (described,) = json.loads(first.labels["io.buildpacks.lifecycle.metadata"])["buildpacks"]
    layers = described["layers"]
    assert set(layers) == {"python", "venv", "venv-project"}
    for layer in layers.values():
        assert (layer.get("launch"), layer.get("build", False), layer.get("cache", False)) == (True, False, False)
        assert {type(value) for value in layer["data"].values()} == {str}
    assert layers["venv"]["data"]["packages"] != layers["venv-project"]["data"]["packages"]
    assert re.search(r"^  uv +build ", first.log, re.MULTILINE)


@pytest.mark.in_containers
def test_a_second_build_does_nothing(
    bench: Workbench, first: BuildResult, shop: App, image: str, index: PackageIndex
) -> None:
    before = len(index.site.requests)
    dead = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    second = bench.build(shop, image, previous=SHOP, env=dead)
    assert index.site.requests[before:] == []
    assert commands(second.log) == []
    assert "downloading" not in second.log
    assert "taking" not in second.log
    assert second.digest == first.digest
    assert layer_states(second) == {"python": "reused", "venv": "reused", "venv-project": "reused"}
    if bench.platform.name == "embedded":
        contents = {row.name: row.state for row in second.layers if row.name.startswith("uv-buildpack/python:")}
        assert set(contents.values()) == {"reused without contents"}


def test_an_edit_of_a_source_file_changes_the_app_layer_only(
    bench: Workbench, first: BuildResult, shop: App, image: str
) -> None:
    shop.edit("src/shop/__init__.py", "hello", "good day")
    second = bench.build(shop, image, previous=SHOP)
    before, after = diff_ids(first), diff_ids(second)
    assert {name for name in after if before.get(name) != after[name]} == {"app 1"}
    assert bench.python(image, "import json, shop; print(json.dumps(shop.greet()))") == "good day"


@pytest.mark.usefixtures("first")
def test_a_comment_and_a_development_dependency_make_no_layer(bench: Workbench, shop: App, image: str) -> None:
    shop.edit("pyproject.toml", 'dev = ["tester"]', 'dev = ["tester", "gamma"]  # for a test')
    shop.lock()
    result = bench.build(shop, image, previous=SHOP)
    assert commands(result.log) == ["uv lock --check"]
    assert "unpacking" not in result.log
    assert set(layer_states(result).values()) == {"reused"}


@pytest.mark.usefixtures("first")
def test_an_edit_of_the_lock_is_told_by_package(bench: Workbench, shop: App, image: str) -> None:
    shop.edit("pyproject.toml", "beta==1.0", "beta==1.1")
    shop.lock()
    second = bench.build(shop, image, previous=SHOP)
    assert "beta 1.0 → 1.1" in second.log
    assert layer_states(second)["python"] == "reused"
    assert layer_states(second)["venv"] == "added"
    assert bench.python(image, "import json, beta; print(json.dumps(beta.version))") == "1.1"


@pytest.mark.usefixtures("first")
def test_a_package_that_is_gone_from_the_lock_is_gone_from_the_image(bench: Workbench, shop: App, image: str) -> None:
    shop.edit("pyproject.toml", "beta==1.0", "gamma")
    shop.lock()
    result = bench.build(shop, image, previous=SHOP)
    for line in ("beta 1.0 removed", "alpha 1.1 removed", "gamma 1.0 added"):
        assert line in result.log
    assert bench.python(image, FOUND) == ["gamma"]


@pytest.mark.usefixtures("first")
def test_an_edit_of_what_the_package_is_called_by_rebuilds_its_layer(bench: Workbench, shop: App, image: str) -> None:
    pyproject = (shop.directory / "pyproject.toml").read_text(encoding="utf-8")
    shop.write({"pyproject.toml": pyproject + "[project.scripts]\nshop-greet = 'shop:greet'\n"})
    shop.lock()
    result = bench.build(shop, image, previous=SHOP)
    # The environment gets a link to the new script: it is found beside `sys.executable` too.
    assert layer_states(result) == {"python": "reused", "venv": "added", "venv-project": "added"}
    assert "bin/shop-greet of a local package is new" in result.log
    assert "venv-project/bin/shop-greet" in bench.run(image, "sh", "-c", "command -v shop-greet")


def test_without_the_previous_image_the_cache_alone_gives_the_same_image(
    bench: Workbench, shop: App, image: str
) -> None:
    first = bench.build(shop, image)
    for _ in range(2):  # with what the last one left
        again = bench.build(shop, f"{image}-tag", cache=image)
        assert diff_ids(again) == diff_ids(first)


@pytest.mark.usefixtures("first")
def test_an_unknown_variable_is_reported_with_the_nearest_name(bench: Workbench, shop: App, image: str) -> None:
    result = bench.build(shop, image, previous=SHOP, env={"BP_UV_GROUP": "extra"})
    assert any("BP_UV_GROUP is not a variable" in line for line in warnings(result.log))
    assert "BP_UV_GROUPS?" in result.log
