"""Local packages whose dependencies are not in `pyproject.toml`: a build backend makes them from other files.

For the check of the lock uv has such a backend run, where it may write into the tree, and the answer depends on what
the backend reads. A version that is dynamic is not in the lock, and uv does not ask for it (tried with uv 0.13.9).
setuptools: https://setuptools.pypa.io/en/latest/userguide/pyproject_config.html#dynamic-metadata
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uv_buildpack.project import build_reach, requirements, tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from uv_buildpack.project.files import Pyproject

_LOCKED = frozenset({"dependencies", "optional-dependencies", "requires-python"})
_SETUPTOOLS = frozenset({"setuptools.build_meta", "setuptools.build_meta:__legacy__"})


def is_dynamic(pyproject: Pyproject | None) -> bool:
    """Return whether a build backend declares what a package depends on; `None` is a package of `setup.py` alone."""
    if pyproject is None or not pyproject.project:
        return True
    dynamic = pyproject.project.get("dynamic", ())
    return isinstance(dynamic, list) and not _LOCKED.isdisjoint(str(field) for field in dynamic)


def digest(place: Path, pyproject: Pyproject | None, app_dir: Path) -> str:
    """Return the digest of all that the backend may make the dependencies from. Raises `OSError`."""
    if pyproject is None or not _reads_named_files(place, pyproject):
        return tree.digest(app_dir if build_reach.leads_out(place, pyproject) else place)
    names = sorted(set(_named_files(pyproject.table("tool", "setuptools", "dynamic"))))
    return tree.digest_of(place, [path for name in names if (path := place / name).is_file()], names)


def _reads_named_files(place: Path, pyproject: Pyproject) -> bool:
    """Return whether only the files named in `[tool.setuptools.dynamic]` count: plain setuptools, without code."""
    system = pyproject.table("build-system")
    if system.get("build-backend", "setuptools.build_meta") not in _SETUPTOOLS or "backend-path" in system:
        return False
    requires = system.get("requires", [])
    names = {requirements.name_of(str(text)) for text in requires} if isinstance(requires, list) else {None}
    plain = names <= {"setuptools", "wheel"}
    return plain and not any((place / name).exists() for name in ("setup.py", "setup.cfg"))


def _named_files(table: object) -> Iterator[str]:
    if isinstance(table, dict):
        for key, value in table.items():
            if key == "file":
                yield from (name for name in (value if isinstance(value, list) else [value]) if isinstance(name, str))
            else:
                yield from _named_files(value)
