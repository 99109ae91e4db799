"""What is built where several things could be: a project, a `pylock.toml`, a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import PROJECT, plant

from uv_buildpack.errors import (
    LockfileMissing,
    ProjectDirectoryOutside,
    PyprojectMissing,
    ScriptInvalid,
    ScriptMissing,
    SeveralScripts,
)
from uv_buildpack.project.finding import find_project

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "httpx>=0.28",
# ]
#
# [tool.uv-buildpack]
# heavy-packages = "none"
# ///
print("hello")
"""
LOCKED = {"app.py": SCRIPT, "app.py.lock": "version = 1\n"}
PYLOCK = {"pylock.toml": 'lock-version = "1.0"\ncreated-by = "a test"\npackages = []\n'}


def test_the_only_script_with_a_lock_is_built_where_there_is_no_project(tmp_path: Path) -> None:
    project = find_project(plant(tmp_path, {**LOCKED, "tool.py": SCRIPT}), ".", "")
    assert (project.script, project.lock_path) == ("app.py", tmp_path / "app.py.lock")
    assert project.pyproject.project == {"requires-python": ">=3.12", "dependencies": ["httpx>=0.28"]}
    assert project.pyproject.table("tool", "uv-buildpack") == {"heavy-packages": "none"}
    assert project.lock_command == "uv lock --script app.py"


def test_a_project_comes_before_scripts_beside_it(tmp_path: Path) -> None:
    project = find_project(plant(tmp_path, {**PROJECT, **LOCKED}), ".", "")
    assert (project.script, project.lock_name, project.name) == (None, "uv.lock", "shop")


def test_a_script_that_is_chosen_comes_before_a_project(tmp_path: Path) -> None:
    plant(tmp_path, {**PROJECT, "jobs/app.py": SCRIPT, "jobs/app.py.lock": ""})
    project = find_project(tmp_path, ".", "jobs/app.py")
    assert (project.script, project.directory, project.pyproject.shown) == ("app.py", tmp_path / "jobs", "jobs/app.py")


def test_a_script_may_have_any_name(tmp_path: Path) -> None:
    assert find_project(plant(tmp_path, {"serve": SCRIPT, "serve.lock": ""}), ".", "serve").script == "serve"


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_metadata_are_read_whatever_the_editor(tmp_path: Path, line_end: str, mark: str) -> None:
    (tmp_path / "app.py").write_text(f"{mark}{SCRIPT.lstrip()}", encoding="utf-8", newline=line_end)
    project = find_project(plant(tmp_path, {"app.py.lock": ""}), ".", "")
    assert project.pyproject.requires_python == ">=3.12"


def test_of_several_scripts_one_has_to_be_chosen(tmp_path: Path) -> None:
    plant(tmp_path, {**LOCKED, "job.py": SCRIPT, "job.py.lock": ""})
    with pytest.raises(SeveralScripts) as raised:
        find_project(tmp_path, ".", "")
    assert raised.value.facts == ("app.py", "job.py")
    assert find_project(tmp_path, ".", "job.py").script == "job.py"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "there is no such file"),
        ({"app.py": SCRIPT}, "app.py.lock is not beside it"),
    ],
)
def test_a_script_needs_its_lock(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    with pytest.raises(ScriptMissing, match=reason):
        find_project(plant(tmp_path, files), ".", "app.py")


def test_a_script_outside_of_the_app_is_refused(tmp_path: Path) -> None:
    plant(tmp_path, {"elsewhere/app.py": SCRIPT, "elsewhere/app.py.lock": "", "app/README": ""})
    with pytest.raises(ProjectDirectoryOutside, match=r"BP_UV_SCRIPT=\.\./elsewhere/app\.py"):
        find_project(tmp_path / "app", ".", "../elsewhere/app.py")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("print()\n", "It has no block of inline metadata"),
        (SCRIPT + SCRIPT, "It has 2 blocks of inline metadata"),
        ("\n# /// script\n# dependencies = [\n# ///\n", "The metadata from line 2 on are not TOML"),
        ("# /// script\n# dependencies = 'httpx'\n# ///\n", "app.py: dependencies: expected an array"),
        ("# /// script\n# requires-python = 3\n# ///\n", "app.py: requires-python: expected a string"),
        ("# /// script\n# dependencies = []\nx = 1\n# ///\n", "It has no block of inline metadata"),
    ],
)
def test_metadata_that_cannot_be_read_are_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "app.py").write_text(text, encoding="utf-8")
    with pytest.raises(ScriptInvalid) as raised:
        find_project(plant(tmp_path, {"app.py.lock": ""}), ".", "")
    assert reason in raised.value.facts[0]


def test_a_script_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_bytes(b"# \xff\n")
    with pytest.raises(ScriptInvalid, match=r"app\.py has no valid inline metadata"):
        find_project(plant(tmp_path, {"app.py.lock": ""}), ".", "")


def test_a_pylock_is_enough(tmp_path: Path) -> None:
    project = find_project(plant(tmp_path, PYLOCK), ".", "")
    assert (project.pylock, project.name, project.script) == (True, None, None)
    assert project.lock_path == project.pyproject.path == tmp_path / "pylock.toml"


def test_a_project_with_a_pylock_keeps_its_settings(tmp_path: Path) -> None:
    project = find_project(plant(tmp_path, {**PYLOCK, "pyproject.toml": PROJECT["pyproject.toml"]}), ".", "")
    assert (project.pylock, project.pyproject.name, project.name) == (True, "shop", None)


def test_uv_lock_comes_before_a_pylock(tmp_path: Path) -> None:
    assert not find_project(plant(tmp_path, {**PROJECT, **PYLOCK}), ".", "").pylock


def test_nothing_to_build_is_said_as_for_a_project(tmp_path: Path) -> None:
    with pytest.raises(PyprojectMissing):
        find_project(plant(tmp_path, {"app.py": SCRIPT}), ".", "")
    with pytest.raises(LockfileMissing):
        find_project(plant(tmp_path, {"pyproject.toml": PROJECT["pyproject.toml"]}), ".", "")
