"""What a second build does: nothing where nothing changed, and no more than what a change asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.workbench import BASE, Workbench, commands, diff_ids, layer_states

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

GROUPS = '[dependency-groups]\ndev = ["tester"]\nextra = ["gamma"]\n'


@pytest.fixture
def shop(app: App, index: PackageIndex) -> App:
    """A packaged application with two dependencies and a group that is not installed."""
    app.write(
        {
            "pyproject.toml": project("shop", ("beta==1.0",), index=index.address, packaged=True, more=GROUPS),
            "src/shop/__init__.py": "def greet():\n    return 'hello'\n",
            "main.py": "import shop\n",
        }
    )
    app.lock()
    return app


@pytest.mark.in_containers
def test_a_second_build_does_nothing(bench: Workbench, shop: App, image: str, index: PackageIndex) -> None:
    first = bench.build(shop, image, previous=BASE)
    before = len(index.site.requests)
    second = bench.build(shop, image, env={"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"})
    assert index.site.requests[before:] == []
    assert commands(second.log) == []
    assert "downloading" not in second.log
    assert "taking" not in second.log
    assert second.digest == first.digest
    assert layer_states(second) == {"python": "reused", "venv": "reused", "venv-project": "reused"}
    if bench.platform.name == "embedded":
        contents = {row.name: row.state for row in second.layers if row.name.startswith("uv-buildpack/python:")}
        assert set(contents.values()) == {"reused without contents"}


def test_an_edit_of_a_source_file_changes_the_app_layer_only(bench: Workbench, shop: App, image: str) -> None:
    first = bench.build(shop, image, previous=BASE)
    shop.edit("src/shop/__init__.py", "hello", "good day")
    second = bench.build(shop, image)
    before, after = diff_ids(first), diff_ids(second)
    assert {name for name in after if before.get(name) != after[name]} == {"app 1"}
    assert bench.python(image, "import json, shop; print(json.dumps(shop.greet()))") == "good day"


def test_an_edit_of_the_lock_is_told_by_package(bench: Workbench, shop: App, image: str) -> None:
    bench.build(shop, image, previous=BASE)
    shop.edit("pyproject.toml", "beta==1.0", "beta==1.1")
    shop.lock()
    second = bench.build(shop, image)
    assert "beta 1.0 → 1.1" in second.log
    assert layer_states(second)["python"] == "reused"
    assert layer_states(second)["venv"] == "added"
    assert bench.python(image, "import json, beta; print(json.dumps(beta.version))") == "1.1"
