"""The same inputs give the same bytes: on another day, elsewhere, for somebody else, and in a hostile environment."""

from __future__ import annotations

import dataclasses
import shutil
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.machine import CONTAINERS, EMBEDDED
from integration.package_index import sdist
from integration.workbench import Workbench, diff_ids, warnings

if TYPE_CHECKING:
    from pathlib import Path

    from integration.package_index import PackageIndex

    from cnb_platform.result import BuildResult

HOSTILE = {
    "CONDA_PREFIX": "/opt/conda",
    "PYTHONHOME": "/nowhere",
    "PYTHONPATH": "/nowhere",
    "PYTHONSTARTUP": "/nowhere/start.py",
    "PYTHONUSERBASE": "/nowhere",
    "UV_CACHE_DIR": "/nowhere",
    "UV_COMPILE_BYTECODE": "1",
    "UV_DEV": "1",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_FROZEN": "1",
    "UV_LINK_MODE": "symlink",
    "UV_LOCKED": "1",
    "UV_MANAGED_PYTHON": "1",
    "UV_NO_DEV": "0",
    "UV_NO_EDITABLE": "1",
    "UV_NO_INSTALL_PROJECT": "1",
    "UV_NO_INSTALL_WORKSPACE": "1",
    "UV_NO_SOURCES": "1",
    "UV_NO_SYNC": "1",
    "UV_PRERELEASE": "allow",
    "UV_PROJECT": "/nowhere",
    "UV_PYTHON": "3.8",
    "UV_PYTHON_DOWNLOADS": "automatic",
    "UV_PYTHON_PREFERENCE": "only-system",
    "UV_RESOLUTION": "lowest",
    "UV_SYSTEM_PYTHON": "1",
    "UV_WORKING_DIR": "/nowhere",
    "VIRTUAL_ENV": "/nowhere",
}


@pytest.fixture(scope="module")
def varied(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> App:
    """An app with a package of each kind: a wheel, one built from source, an editable one, a copied one, a script."""
    index.add("made_here-1.0.tar.gz", sdist("made_here", "1.0"))
    index.add_wheel("shouter", "1.0", {"shouter.py": "def main():\n    print('!')\n", "entry_points.txt": SHOUT})
    app = App(tmp_path_factory.mktemp("varied") / "first-checkout")
    more = '[dependency-groups]\ndev = ["tester"]\n[tool.uv.sources]\nlib = { path = "lib" }\n'
    app.write(
        {
            "pyproject.toml": project(
                "varied", ("beta", "made-here", "shouter", "lib"), index=index.address, packaged=True, more=more
            ),
            "src/varied/__init__.py": "import alpha, beta, made_here, lib\n",
            "lib/pyproject.toml": project("lib", packaged=True),
            "lib/src/lib/__init__.py": "",
            "Procfile": "web: python -m http.server $PORT\n",
        }
    )
    app.lock()
    return app


SHOUT = "[console_scripts]\nshout = shouter:main\n"


@pytest.fixture(scope="module")
def first(bench: Workbench, varied: App) -> BuildResult:
    """The app, built from nothing."""
    return bench.build(varied, "varied")


@pytest.mark.in_containers
def test_the_app_works(bench: Workbench, first: BuildResult) -> None:
    assert diff_ids(first)
    assert bench.run("varied", "python", "-c", "import varied; print(varied.made_here.version)") == "1.0\n"
    assert bench.run("varied", "shout") == "!\n"


@pytest.fixture
def temporary(public: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another TMPDIR, for the platform and for builds."""
    directory = public / "temporary"
    directory.mkdir(exist_ok=True)
    directory.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(directory))
    return directory


@pytest.mark.platforms(EMBEDDED, CONTAINERS)
def test_another_build_from_nothing_gives_the_same_layers(
    bench: Workbench, varied: App, first: BuildResult, temporary: Path, tmp_path: Path
) -> None:
    elsewhere = App(tmp_path / "a checkout of somebody else")
    shutil.copytree(varied.directory, elsewhere.directory)
    caller = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent/somebody", "HOSTNAME": "elsewhere"}
    stranger = bench.changed(root=temporary / "root", caller=caller, umask=0o077)
    variables = {"TMPDIR": str(temporary), "USER": "else", "LOGNAME": "else", "LANG": "de_DE.UTF-8"}
    again = stranger.build(elsewhere, "varied-again", env=variables)
    assert diff_ids(again) == diff_ids(first)


def test_a_hostile_environment_changes_nothing_and_is_warned_of(
    bench: Workbench, varied: App, first: BuildResult
) -> None:
    result = bench.build(varied, "varied-hostile", env=HOSTILE)
    assert diff_ids(result) == diff_ids(first)
    said = warnings(result.log)
    assert [name for name in HOSTILE if not any(line.startswith(f"{name} has no effect") for line in said)] == []


def test_a_hostile_environment_does_not_disturb_reuse(bench: Workbench, varied: App, first: BuildResult) -> None:
    result = bench.build(varied, "varied-hostile-again", env=HOSTILE, previous="varied")
    assert result.digest == first.digest
    assert all(row.state.startswith("reused") for row in result.layers if row.state != "base")


def test_an_equal_environment_that_came_about_step_by_step_has_equal_bytes(
    bench: Workbench, varied: App, first: BuildResult, tmp_path: Path
) -> None:
    """Another set of packages first, then this one, with the cache and the image of the first."""
    app = App(tmp_path / "app")
    shutil.copytree(varied.directory, app.directory)
    app.edit("pyproject.toml", "'beta'", "'beta==1.0', 'gamma'")
    app.lock()
    bench.build(app, "varied-steps")
    shutil.copytree(varied.directory, app.directory, dirs_exist_ok=True)
    second = bench.build(app, "varied-steps")
    assert diff_ids(second) == diff_ids(first)
    assert dataclasses.asdict(second)["processes"] == dataclasses.asdict(first)["processes"]
