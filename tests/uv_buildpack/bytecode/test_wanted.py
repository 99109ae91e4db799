"""Which modules get bytecode: no test suites, but what packages import of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.bytecode.wanted import modules

if TYPE_CHECKING:
    from pathlib import Path


def tree(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def chosen(site_packages: Path) -> set[str]:
    return {path.relative_to(site_packages).as_posix() for path in modules(site_packages)}


def test_test_suites_are_left_out(tmp_path: Path) -> None:
    files = {"six.py": "", "a/__init__.py": "", "a/tests/__init__.py": "", "a/tests/test_a.py": "", "tests.py": ""}
    assert chosen(tree(tmp_path, files)) == {"six.py", "a/__init__.py", "tests.py"}


@pytest.mark.parametrize(
    "statement",
    [
        "from a.tests import help",
        "from a.tests.help import x",
        "import a.tests.help",
        "import os, a.tests.help as h",
        "from .tests import (\n    help,\n)",
        "from .tests.help import x",
        "    from . import tests\n    from .tests import help",
        "from ..a.tests import help",
    ],
)
def test_what_a_package_imports_of_its_tests_is_compiled(tmp_path: Path, statement: str) -> None:
    place = "a/b/__init__.py" if ".." in statement else "a/__init__.py"
    statement = statement.replace("..a.tests", "..tests")
    files = {
        "a/__init__.py": "",
        place: statement,
        "a/tests/__init__.py": "",
        "a/tests/help.py": "",
        "a/tests/x.py": "",
    }
    assert chosen(tree(tmp_path, files)) == {"a/__init__.py", place, "a/tests/__init__.py", "a/tests/help.py"}


def test_what_test_modules_import_in_turn_is_compiled(tmp_path: Path) -> None:
    files = {
        "a/__init__.py": "from a.tests.help import x",
        "a/tests/__init__.py": "",
        "a/tests/help.py": "from .more import y",
        "a/tests/more.py": "import a.tests.even",
        "a/tests/even.py": "",
        "a/tests/test_a.py": "",
    }
    assert chosen(tree(tmp_path, files)) == set(files) - {"a/tests/test_a.py"}


def test_what_another_package_imports_does_not_count(tmp_path: Path) -> None:
    files = {"a/__init__.py": "", "a/tests/__init__.py": "", "b/__init__.py": "import a.tests"}
    assert chosen(tree(tmp_path, files)) == {"a/__init__.py", "b/__init__.py"}


def test_children_of_a_namespace_are_packages_apart(tmp_path: Path) -> None:
    files = {"n/a/__init__.py": "", "n/a/tests/__init__.py": "", "n/b/__init__.py": "from n.a import tests"}
    assert chosen(tree(tmp_path, files)) == {"n/a/__init__.py", "n/b/__init__.py"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    tree(tmp_path / "heavy", {"__init__.py": ""})
    site_packages = tree(tmp_path / "site-packages", {"a.py": ""})
    (site_packages / "heavy").symlink_to(tmp_path / "heavy")
    (site_packages / "gone").symlink_to(tmp_path / "gone")
    assert chosen(site_packages) == {"a.py"}
