"""How far the build of a local package reaches: into its own directory only, or into the app around it.

Monorepos share files by links, by `force-include = { "../shared" = … }`, by a version file in the root, by a Cargo
workspace. A package whose build may read such files changes with the whole app.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack.project import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from uv_buildpack.project.files import Pyproject

_PROGRAMS = frozenset(
    [
        "CMakeLists.txt",
        "MANIFEST.in",
        "hatch.toml",
        "hatch_build.py",
        "meson.build",
        "pdm_build.py",
        "setup.cfg",
        "setup.py",
    ]
)
"""Files by which backends build, beside `pyproject.toml`."""
_BUILD_NOTHING = frozenset(
    ["black", "coverage", "isort", "mypy", "pylint", "pyright", "pytest", "ruff", "tox", "uv", "uv-buildpack"]
)
"""Tables below `[tool]`. Paths in uv's sources lead to other packages."""
_UPWARDS = re.compile(
    r"(?<!\.)\.\.(?:[/\"'\s]|$)|\bparents\b|\.parent\.parent\b|\bpardir\b|dirname\([^\n]*dirname\("
    r"|\b(\w+)\s*=\s*\1\.parent\b"
)


def leads_out(place: Path, pyproject: Pyproject | None) -> bool:
    """Return whether a build may read files outside of the package's directory `place`. Raises `OSError`.

    cargo looks for its workspace above by itself.
    """
    own = place.resolve()
    texts = list(_texts(build_settings(pyproject))) if pyproject is not None else []
    if any(_climbs(text) for text in texts):
        return True
    programs = {Path(os.path.normpath(place / text)) for text in texts if text.endswith(".py")}
    directories = _with_code(place, pyproject)
    for path in tree.source_files(place):
        if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(own):
            return True
        is_program = path.name in _PROGRAMS or path in programs or (path.suffix == ".py" and path.parent in directories)
        if path.name == "Cargo.toml" or (is_program and _climbs(_text(path))):
            return True
    return False


def _with_code(place: Path, pyproject: Pyproject | None) -> set[Path]:
    """Return the directories whose modules a build may import: those of a backend in the tree, that of `setup.py`."""
    paths = pyproject.table("build-system").get("backend-path") if pyproject is not None else None
    found = {Path(os.path.normpath(place / text)) for text in _texts(paths)}
    return found | ({place} if (place / "setup.py").exists() else set())


def _text(path: Path) -> str:
    # A pipe would wait for somebody to write, and a link may lead nowhere.
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def _climbs(text: str) -> bool:
    return _UPWARDS.search(text) is not None


def build_settings(pyproject: Pyproject) -> list[object]:
    """Return the part of a `pyproject.toml` that may reach its build: no comment, no group, no linter's table."""
    tools = {name: table for name, table in pyproject.table("tool").items() if name not in _BUILD_NOTHING}
    return [pyproject.project, pyproject.table("build-system"), tools, pyproject.uv.get("build-backend")]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for part in pair for text in _texts(part))
    elif isinstance(value, list):
        yield from (text for part in value for text in _texts(part))
