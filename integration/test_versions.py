"""Which Python and which uv a build takes, and what follows when the choice changes."""

from __future__ import annotations

import hashlib
import json
import platform
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.website import Website, serving
from integration.workbench import BASE, Workbench, commands, errors, layer_states

from uv_buildpack.uv.version import OLDEST

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

VERSION = "import json, platform, alpha; print(json.dumps(platform.python_version()))"


@pytest.fixture
def small(app: App, index: PackageIndex) -> App:
    """A project with one dependency."""
    app.write({"pyproject.toml": project("small", ("alpha",), index=index.address), "main.py": ""})
    app.lock()
    return app


def test_each_python_on_offer_can_be_asked_for(bench: Workbench, small: App, image: str, versions: list[str]) -> None:
    for number, version in enumerate(versions[:2]):
        minor = version.rpartition(".")[0]
        small.write({".python-version": f"# what production runs\n\n{minor}\n"})
        result = bench.build(small, image, previous="" if number else BASE)
        assert f"newest for {minor} (.python-version" in result.log
        assert bench.python(image, VERSION) == version
        assert layer_states(result) == {"python": "added" if number else "reused", "venv": "added"}


def test_the_variable_beats_the_file_and_the_exact_version_is_taken(
    bench: Workbench, small: App, image: str, versions: list[str]
) -> None:
    small.write({".python-version": "3.99\n"})
    result = bench.build(small, image, previous=BASE, env={"BP_PYTHON_VERSION": versions[0]})
    assert "BP_PYTHON_VERSION" in result.log
    assert bench.python(image, VERSION) == versions[0]


def test_a_contradiction_is_told_with_both_files_before_anything_is_done(
    bench: Workbench, small: App, image: str
) -> None:
    small.write({".python-version": "3.8\n"})
    log = bench.failing(small, image)
    assert ".python-version" in log
    assert "pyproject.toml" in log
    assert "downloading" not in log
    assert "taking" not in log
    assert commands(log) == []


def test_another_implementation_is_an_error(bench: Workbench, small: App, image: str) -> None:
    small.write({".python-version": "pypy@3.11\n"})
    (error,) = errors(bench.failing(small, image))
    assert "pypy" in error


def test_the_oldest_uv_comes_from_the_index_and_builds(bench: Workbench, app: App, image: str) -> None:
    app.write({"pyproject.toml": project("older", ("six",), packaged=True), "src/older/__init__.py": "", "main.py": ""})
    app.lock()
    with (app.directory / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"[tool.uv]\nrequired-version = '=={OLDEST}'\n")
    result = bench.build(app, image, previous=BASE)
    assert any("pip install" in command and f"uv=={OLDEST}" in command for command in commands(result.log))
    assert "uv" not in layer_states(result)
    assert bench.python(image, "import json, older, six; print(json.dumps(six.__version__[0]))") == "1"
    again = bench.build(app, image, env={"HTTPS_PROXY": "http://127.0.0.1:9"})
    assert commands(again.log) == []
    assert again.digest == result.digest


def test_an_archive_that_is_not_the_one_in_the_catalogue_is_refused(bench: Workbench, small: App, image: str) -> None:
    """A mirror on loopback, whatever the builds of this machine come from otherwise."""
    content = b"not the archive that the catalogue means"
    build = {
        "version": "3.13.99", "date": "20990101", "arch": platform.machine(), "libc": "gnu", "variant": "default",
        "path": "20990101/cpython-3.13.99.tar.gz", "sha256": hashlib.sha256(b"the archive").hexdigest(),
    }  # fmt: skip
    with serving(Website()) as mirror:
        mirror.documents["/catalogue.json"] = json.dumps({"builds": [build]}).encode()
        mirror.documents["/20990101/cpython-3.13.99.tar.gz"] = content
        places = {"BP_PYTHON_MIRROR": mirror.address, "BP_PYTHON_CATALOGUE": f"{mirror.address}/catalogue.json"}
        log = bench.failing(small, image, env=places)
        assert mirror.requests.count("/20990101/cpython-3.13.99.tar.gz") == 1
    assert len(errors(log)) == 1
    assert build["sha256"] in log
    assert hashlib.sha256(content).hexdigest() in log
