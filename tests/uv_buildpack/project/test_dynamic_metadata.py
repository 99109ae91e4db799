"""Packages whose dependencies a build backend declares, and what that is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.project.dynamic_metadata import digest, is_dynamic
from uv_buildpack.project.files import read_pyproject

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.project.files import Pyproject

PROJECT = """
[project]
name = "shop"
dynamic = ["version", "dependencies", "optional-dependencies"]

[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"

[tool.setuptools.dynamic]
version = { file = "VERSION" }
dependencies = { file = ["requirements.txt"] }
optional-dependencies.fast = { file = ["fast.txt", "gone.txt"] }
"""
FILES = {"requirements.txt": "six\n", "fast.txt": "numpy\n", "VERSION": "1.0", "shop/__init__.py": ""}


def pyproject(root: Path, text: str) -> Pyproject:
    plant(root, {"pyproject.toml": text})
    return read_pyproject(root, root / "pyproject.toml")


def changes(root: Path, change: dict[str, str], text: str = PROJECT) -> bool:
    """Return whether the digest changes when files do."""
    plant(root, FILES)
    project = pyproject(root, text)
    before = digest(root, project, root)
    plant(root, change)
    return digest(root, project, root) != before


@pytest.mark.parametrize(
    ("dynamic", "expected"),
    [
        ('["dependencies"]', True),
        ('["version", "optional-dependencies"]', True),
        ('["requires-python"]', True),
        ('["version", "readme"]', False),
        ("[]", False),
    ],
)
def test_only_what_the_lock_holds_makes_a_package_dynamic(tmp_path: Path, dynamic: str, *, expected: bool) -> None:
    assert is_dynamic(pyproject(tmp_path, f'[project]\nname = "shop"\ndynamic = {dynamic}\n')) == expected


def test_a_package_of_setup_py_alone_is_dynamic(tmp_path: Path) -> None:
    assert is_dynamic(None)
    assert is_dynamic(pyproject(tmp_path, "[tool.other]\n"))


@pytest.mark.parametrize("name", ["requirements.txt", "fast.txt", "gone.txt", "VERSION"])
def test_setuptools_reads_the_files_that_are_named(tmp_path: Path, name: str) -> None:
    assert changes(tmp_path, {name: "click\n"})


def test_setuptools_reads_no_other_file(tmp_path: Path) -> None:
    assert not changes(tmp_path, {"shop/__init__.py": "edited = True\n", "README.md": ""})


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"setuptools.build_meta"', '"hatchling.build"'),
        ('["setuptools>=61"]', '["setuptools", "setuptools-scm"]'),
        ('["setuptools>=61"]', '["not a requirement!"]'),
        ('build-backend = "setuptools.build_meta"', 'build-backend = "setuptools.build_meta"\nbackend-path = ["."]'),
    ],
)
def test_of_any_other_backend_everything_counts(tmp_path: Path, old: str, new: str) -> None:
    assert old in PROJECT
    assert changes(tmp_path, {"shop/__init__.py": "edited = True\n"}, PROJECT.replace(old, new))


@pytest.mark.parametrize("name", ["setup.py", "setup.cfg"])
def test_beside_code_and_older_settings_everything_counts(tmp_path: Path, name: str) -> None:
    plant(tmp_path, {name: ""})
    assert changes(tmp_path, {"shop/__init__.py": "edited = True\n"})


def test_setuptools_is_the_backend_where_none_is_named(tmp_path: Path) -> None:
    text = PROJECT.replace('requires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n', "")
    assert not changes(tmp_path, {"shop/__init__.py": "edited = True\n"}, text)


def test_without_a_pyproject_everything_counts(tmp_path: Path) -> None:
    plant(tmp_path, FILES)
    before = digest(tmp_path, None, tmp_path)
    plant(tmp_path, {"shop/__init__.py": "edited = True\n"})
    assert digest(tmp_path, None, tmp_path) != before


def test_what_a_program_reads_outside_of_its_package_counts(tmp_path: Path) -> None:
    place = plant(
        tmp_path / "libs" / "shop", {"setup.py": "install_requires = open('../../requirements.txt').read()\n"}
    )
    (tmp_path / "requirements.txt").write_text("six\n", encoding="utf-8")
    before = digest(place, None, tmp_path)
    (tmp_path / "requirements.txt").write_text("six\nidna\n", encoding="utf-8")
    assert digest(place, None, tmp_path) != before
