"""Which local packages change with the whole app, because their build may read files beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.project.build_reach import leads_out
from uv_buildpack.project.files import read_pyproject

if TYPE_CHECKING:
    from pathlib import Path

PYPROJECT = """
[project]
name = "lib"
description = "this and that..."
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[tool.ruff]
extend = "../../ruff.toml"
[tool.uv.sources]
other = { path = "../other" }
"""


def reaches(root: Path, files: dict[str, str], pyproject: str = PYPROJECT) -> bool:
    place = root / "libraries" / "lib"
    for name, text in {"pyproject.toml": pyproject, "src/lib/__init__.py": 'UP = "../"\n', **files}.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return leads_out(place, read_pyproject(root, place / "pyproject.toml"))


@pytest.mark.parametrize(
    "settings",
    [
        '[tool.hatch.build.targets.wheel.force-include]\n"../shared" = "lib/shared"\n',
        '[tool.hatch.version]\npath = "../../VERSION"\n',
        '[tool.setuptools_scm]\nroot = ".."\n',
    ],
)
def test_settings_of_a_backend_that_lead_upwards_reach_the_app(tmp_path: Path, settings: str) -> None:
    assert reaches(tmp_path, {}, PYPROJECT + settings)


@pytest.mark.parametrize(
    "files",
    [
        {"setup.py": 'setup(version=open("../VERSION").read())\n'},
        {"setup.py": "ROOT = Path(__file__).resolve().parents[2]\n"},
        {"setup.py": "ROOT = Path(__file__).parent.parent\n"},
        {"setup.py": "ROOT = os.path.dirname(os.path.dirname(__file__))\n"},
        {"setup.py": "from helpers import version\n", "helpers.py": 'version = open("../VERSION").read()\n'},
        {"hatch_build.py": "while not (place / 'uv.lock').exists():\n    place = place.parent\n"},
        {"CMakeLists.txt": "add_subdirectory(../core core)\n"},
        {"rust/Cargo.toml": "version.workspace = true\n"},
    ],
)
def test_programs_that_lead_upwards_reach_the_app(tmp_path: Path, files: dict[str, str]) -> None:
    assert reaches(tmp_path, files)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ('[tool.hatch.build.hooks.custom]\npath = "tools/hook.py"\n', "tools/hook.py"),
        ('[tool.hatch.metadata.hooks.custom]\npath = "./hook.py"\n', "hook.py"),
        ("", "backend/own/build.py"),
    ],
)
def test_code_of_the_package_that_its_backend_runs_and_that_leads_upwards(
    tmp_path: Path, settings: str, name: str
) -> None:
    text = PYPROJECT.replace("[tool.ruff]", 'backend-path = ["backend/own"]\n[tool.ruff]') + settings
    assert reaches(tmp_path, {name: "TABLE = os.path.join(os.pardir, os.pardir, 'table')\n"}, text)
    assert not reaches(tmp_path, {name: "TABLE = 'table'\n"}, text)


@pytest.mark.parametrize("target", ["../../../../shared.py", "/etc/hostname"])
def test_a_link_out_of_the_package_reaches_the_app(tmp_path: Path, target: str) -> None:
    assert not reaches(tmp_path, {})
    (tmp_path / "libraries/lib/src/lib/shared.py").symlink_to(target)
    assert reaches(tmp_path, {})


def test_nothing_else_reaches_the_app(tmp_path: Path) -> None:
    files = {
        "setup.py": 'README = (Path(__file__).parent / "README.md").read_text()\n',
        "src/lib/hook.py": "here = place.parent\nUP = '../'\n",
        "tests/test_lib.py": "Path('../x')\n",
    }
    assert not reaches(tmp_path, files)
    (tmp_path / "libraries/lib/link").symlink_to("src/lib/__init__.py")
    assert not reaches(tmp_path, files)
