"""What every build of a local package needs of its files: said before any download when it is not there."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from uv_buildpack.errors import MetadataFileMissing, Problem, PyprojectInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from uv_buildpack.project.files import Pyproject

# Backends that refuse to build where a file is missing that `[project]` names; setuptools warns (tried with each).
_STRICT = frozenset({"flit_core", "hatchling", "pdm", "poetry", "uv_build"})
_READ_THE_MARK = frozenset({"maturin", "uv_build"})


def problems(packages: Iterable[Pyproject]) -> list[Problem]:
    """Return what is wrong with the files of packages that are installed. Raises `OSError`."""
    return [problem for pyproject in packages for problem in _problems(pyproject)]


def _problems(pyproject: Pyproject) -> Iterator[Problem]:
    system = pyproject.table("build-system")
    backend = str(system.get("build-backend", "setuptools")).partition(".")[0]
    if "backend-path" in system:
        return
    if backend not in _READ_THE_MARK and pyproject.path.read_bytes().startswith(codecs.BOM_UTF8):
        reason = f"It begins with a byte order mark (U+FEFF), which {backend} does not read. Save it as plain UTF-8."
        yield PyprojectInvalid(pyproject.shown, reason)
    for key in ("readme", "license") if backend in _STRICT else ():
        named = pyproject.project.get(key)
        file = named.get("file") if isinstance(named, dict) else named if key == "readme" else None
        if isinstance(file, str) and not (pyproject.directory / file).is_file():
            yield MetadataFileMissing(pyproject.shown, key, file)
