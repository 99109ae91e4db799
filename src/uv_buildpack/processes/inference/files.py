"""The project's own source files, likeliest entry first, found without reading them."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A tree is never walked without end: an application's entry is near the top, and a hot build has 150 ms in all.
MAXIMUM_DEPTH = 5
MAXIMUM_DIRECTORIES = 1500
# A directory with more entries holds data, and nobody's application.
MAXIMUM_ENTRIES = 20_000
MAXIMUM_FILE_SIZE = 512 * 1024

# Directories that hold no application object to be served.
_SKIPPED = frozenset(
    {
        "__pycache__",
        "alembic",
        "bench",
        "benchmarks",
        "build",
        "dist",
        "doc",
        "docs",
        "docs_src",
        "e2e",
        "env",
        "example",
        "examples",
        "fixtures",
        "htmlcov",
        "migrations",
        "node_modules",
        "notebooks",
        "samples",
        "scripts",
        "site-packages",
        "static",
        "templates",
        "test",
        "testing",
        "tests",
        "tutorials",
        "vendor",
        "venv",
    }
)
# Neither quotes nor what a shell looks for between them, nor several spaces.
_AWKWARD = re.compile(r"""["'$`\\]|\s\s""")
_TEST_FILES = ("conftest", "tests")

# Names of entry modules by tier; a tier is looked at as a whole before the next one is read.
_TIERS = (
    ("asgi", "wsgi", "main", "app"),
    ("server", "application", "api", "web", "run", "__init__"),
)
_NAMES = {name: (tier, order) for tier, names in enumerate(_TIERS) for order, name in enumerate(names)}
LAST_TIER = len(_TIERS)
"""The tier of files whose names say nothing."""
_OTHER = (LAST_TIER, 0)


class SourceFile(NamedTuple):
    """A Python file of the project; `name` is its path relative to the project directory, as text.

    Most of thousands of files are only ranked, for which a text will do.
    """

    name: str

    @property
    def path(self) -> PurePosixPath:
        """The path relative to the project directory."""
        return PurePosixPath(self.name)

    @property
    def stem(self) -> str:
        """The module's own name."""
        return self.name.rpartition("/")[2].removesuffix(".py")

    @property
    def tier(self) -> int:
        """0 for the usual names of an entry module, 1 for the less usual, `LAST_TIER` for the rest."""
        return _NAMES.get(self.stem, _OTHER)[0]

    @property
    def depth(self) -> int:
        """The number of path components. A directory `src` does not count."""
        return self.name.count("/") + 1 - self.name.startswith("src/")

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """The order in which files are preferred."""
        tier, order = _NAMES.get(self.stem, _OTHER)
        return (tier, self.depth, order, self.name)


def source_files(project_dir: Path) -> list[SourceFile]:
    """Return the project's Python files, likeliest entry first. Unreadable directories are left out."""
    # An `__init__.py` beside pyproject.toml belongs to no package that could be imported.
    found = [SourceFile(name) for name in _walk(project_dir) if name != "__init__.py"]
    return sorted(found, key=lambda file: file.rank)


def files_in(project_dir: Path, directory: str) -> list[SourceFile]:
    """Return the Python files directly in a directory, which may be one that is left out otherwise."""
    modules, _, another_tree = _listing(os.path.join(project_dir, directory))  # noqa: PTH118 (as below)
    return [] if another_tree else [SourceFile(f"{directory}/{name}") for name in modules]


def _walk(project_dir: Path) -> Iterator[str]:
    """Breadth first, so that the limit on directories costs the deepest ones."""
    visited = 0
    level = [""]
    for _ in range(MAXIMUM_DEPTH):
        below: list[str] = []
        for directory in level:
            visited += 1
            if visited > MAXIMUM_DIRECTORIES:
                return
            modules, directories, another_tree = _listing(os.path.join(project_dir, directory))  # noqa: PTH118 (hot)
            if directory and another_tree:
                continue
            prefix = f"{directory}/" if directory else ""
            yield from (prefix + name for name in modules)
            below += (prefix + name for name in directories)
        level = below


def _listing(directory: str) -> tuple[list[str], list[str], bool]:
    """Return the modules and directories in a directory, sorted, and whether it is a tree of its own.

    That is a virtual environment, another project of the workspace, or a front end of JavaScript: its application is
    not this one's.
    """
    marks = {"pyvenv.cfg", "pyproject.toml", *(("package.json",) if directory.endswith("/frontend") else ())}
    modules: list[str] = []
    directories: list[str] = []
    another_tree = False
    count = 0
    try:
        with os.scandir(directory) as entries:
            for count, entry in enumerate(islice(entries, MAXIMUM_ENTRIES + 1)):  # noqa: B007 (used below)
                name = entry.name
                if name.endswith(".py"):
                    if _is_source(name) and entry.is_file():
                        modules.append(name)
                elif name in marks:
                    another_tree = True
                elif not (name.startswith(".") or name in _SKIPPED) and entry.is_dir(follow_symlinks=False):
                    directories.append(name)
    except OSError:
        return [], [], another_tree
    if count >= MAXIMUM_ENTRIES:
        return [], [], True
    return sorted(modules), sorted(name for name in directories if _is_plain(name)), another_tree


def _is_source(name: str) -> bool:
    """Return whether it is no test. It need not be importable: `🏠_Home.py` and `telegram-bot.py` are run by path."""
    stem = name.removesuffix(".py")
    is_test = stem.startswith("test_") or stem.endswith("_test") or stem in _TEST_FILES
    return not is_test and _is_plain(stem)


def _is_plain(name: str) -> bool:
    """Return whether a name can stand in a command line, in quotes if need be, and in the log."""
    return name.isidentifier() or (name.isprintable() and not _AWKWARD.search(name))
