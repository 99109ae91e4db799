"""The project's own source files, likeliest first, found without reading much."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# A tree is never walked without end: an application's entry is near the top, and a hot build has 150 ms in all.
MAXIMUM_DEPTH = 5
MAXIMUM_ENTRIES = 4000
MAXIMUM_FILE_SIZE = 512 * 1024

# Directories that hold no application object to be served.
_SKIPPED = frozenset(
    {
        "alembic",
        "bench",
        "benchmarks",
        "build",
        "dist",
        "doc",
        "docs",
        "e2e",
        "env",
        "example",
        "examples",
        "fixtures",
        "frontend",
        "migrations",
        "node_modules",
        "notebooks",
        "scripts",
        "site-packages",
        "static",
        "templates",
        "test",
        "testing",
        "tests",
        "venv",
    }
)

# Names of entry modules by tier; a tier is looked at as a whole before the next one is read.
_TIERS = (
    ("asgi", "wsgi", "main", "app"),
    ("server", "application", "api", "web", "run", "__init__"),
)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file of the project; `path` is relative to the project directory."""

    path: PurePosixPath

    @property
    def tier(self) -> int:
        """0 for the usual names of an entry module, 1 for the less usual, 2 for the rest."""
        stem = self.path.stem
        return next((tier for tier, names in enumerate(_TIERS) if stem in names), len(_TIERS))

    @property
    def rank(self) -> tuple[int, int, int, str]:
        """The order in which files are preferred. A directory `src` does not count as depth."""
        depth = len(self.path.parts) - (self.path.parts[0] == "src")
        names = _TIERS[self.tier] if self.tier < len(_TIERS) else ()
        name = names.index(self.path.stem) if names else 0
        return (self.tier, depth, name, str(self.path))


def source_files(project_dir: Path) -> list[SourceFile]:
    """Give the project's Python files, likeliest entry first. Unreadable directories are left out."""
    found = (SourceFile(path) for path in _walk(project_dir))
    # An `__init__.py` beside pyproject.toml belongs to no package that could be imported.
    return sorted((file for file in found if str(file.path) != "__init__.py"), key=lambda file: file.rank)


def _walk(project_dir: Path) -> Iterator[PurePosixPath]:
    """Breadth first, so that the limit on entries costs the deepest ones."""
    entries = 0
    level = [PurePosixPath()]
    for _ in range(MAXIMUM_DEPTH):
        below: list[PurePosixPath] = []
        for directory in level:
            names = _listing(project_dir / directory)
            entries += len(names)
            if entries > MAXIMUM_ENTRIES:
                return
            if directory.parts and _is_another_tree(names):
                continue
            yield from (directory / name for name, kind in names.items() if kind == "module")
            below += (directory / name for name, kind in names.items() if kind == "directory")
        level = below


def _listing(directory: Path) -> dict[str, str]:
    """The names in a directory that matter here, sorted, with what they are."""
    try:
        with os.scandir(directory) as entries:
            found = {entry.name: _kind(entry) for entry in entries if not _is_skipped(entry.name)}
    except OSError:
        return {}
    return dict(sorted(found.items()))


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_dir(follow_symlinks=False):
        return "directory"
    stem, dot, suffix = entry.name.rpartition(".")
    return "module" if dot and suffix == "py" and stem.isidentifier() and entry.is_file() else "other"


def _is_skipped(name: str) -> bool:
    return name.startswith((".", "test_")) or name in _SKIPPED or name == "__pycache__"


def _is_another_tree(names: dict[str, str]) -> bool:
    """A virtual environment, or another project of the workspace: its application is not this one's."""
    return "pyvenv.cfg" in names or "pyproject.toml" in names
