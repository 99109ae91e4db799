"""Where a Django project is, and which variable holds its secret key: read from its files, nothing of it runs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MANAGE = "manage.py"
_OTHER_TREES = frozenset({"pyproject.toml", "pyvenv.cfg"})
"""What the top of another project, or of an environment, has."""
_DEEPEST = 3
"""Directories between the project and `manage.py`."""
_SKIPPED = frozenset(
    {"__pycache__", "docs", "examples", "node_modules", "samples", "site-packages", "tests", "tutorials", "venv"}
)
_LARGEST = 512 * 1024
_ROOT = b"STATIC_ROOT"
# SECRET_KEY = os.environ["APP_KEY"], env.str("APP_KEY"), config("APP_KEY", …): the first name in capitals.
_SECRET = re.compile(rb"^[ \t]*SECRET_KEY\b[^=\n]*=(?!=)[^\n\"']*[\"']([A-Z][A-Z0-9_]*)[\"']", re.MULTILINE)


def find_manage(project_dir: Path) -> list[Path]:
    """Return the `manage.py` of Django nearest to the project's directory: several where they are equally near."""
    level = [str(project_dir)]
    for depth in range(1, _DEEPEST + 1):
        found = [path for directory in level if _is_djangos(path := Path(directory, MANAGE))]
        if found or depth == _DEEPEST:
            return found
        level = [below for directory in level for below in _directories(directory)]
    return []


def static_root_is_mentioned(project_dir: Path) -> bool:
    """Return whether any module names the setting without which there is nothing to collect into."""
    return any(_ROOT in _read(path) for path in _modules(project_dir))


def secret_variables(project_dir: Path) -> set[str]:
    """Return the variables that modules take `SECRET_KEY` from."""
    contents = (_read(path) for path in _modules(project_dir))
    return {
        match[1].decode() for content in contents if b"SECRET_KEY" in content for match in _SECRET.finditer(content)
    }


def _is_djangos(path: Path) -> bool:
    return path.is_file() and b"django" in _read(path).lower()


def _modules(directory: Path) -> Iterator[Path]:
    for parent, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if name not in _SKIPPED and not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if name.endswith(".py"))


def _directories(directory: str) -> list[str]:
    """Return the directories below one that may have a Django project which is part of this project."""
    try:
        with os.scandir(directory) as entries:
            found = [(entry.name, entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    below = [path for name, path in sorted(found) if name not in _SKIPPED and not name.startswith(".")]
    return [path for path in below if not any(os.path.exists(f"{path}/{name}") for name in _OTHER_TREES)]  # noqa: PTH110 (hot)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.stat().st_size <= _LARGEST else b""
    except OSError:
        return b""
