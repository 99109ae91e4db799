"""What building from source needs besides the source: requirements of build backends, in directories of files.

uv resolves them itself, from `UV_FIND_LINKS`; it stops at the first one that is missing. Here all are found at once.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from contextlib import suppress
from email.parser import HeaderParser
from typing import TYPE_CHECKING, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from cnb import toml
from uv_buildpack.project import build_tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from packaging.version import Version

    from uv_buildpack.project.files import Pyproject

_LARGEST = 16 * 1024 * 1024
"""Bytes that are read of a file in an archive: no document of a package is larger."""
_NO_REQUIREMENT = (ValueError, KeyError, RecursionError)
"""What `packaging` raises for text that is no requirement, and for markers that cannot be evaluated."""
# The last two are those of zipfile, for a compression that it does not know and for an encrypted file.
_DAMAGED = (
    ValueError,
    KeyError,
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
)


class _File(NamedTuple):
    version: Version
    path: Path

    @property
    def is_wheel(self) -> bool:
        return self.path.suffix == ".whl"


def lacking(sources: Mapping[str, Path], local: Iterable[Pyproject], places: Sequence[Path]) -> list[str]:
    """Return a line for each requirement that no file in `places` meets, with what needs it.

    `sources` are source distributions by what they are called in a message; `local` are packages in the app directory.
    Raises `OSError`.
    """
    offered = _offered(places)
    needed = {(label, text) for label, path in sources.items() for text in _of_source(path)}
    needed |= {(file.shown, text) for file in local for text in build_tools.requires(file.document)}
    lines: list[str] = []
    seen: set[str] = set()
    # In one order: the lines are in a message.
    queue = sorted(needed)
    while queue:
        label, text = queue.pop(0)
        requirement = _read(text)
        if requirement is None or text in seen:
            continue
        seen.add(text)
        found = _best(offered.get(canonicalize_name(requirement.name), ()), requirement)
        if found is None:
            lines.append(f"{label} is built with {requirement}, which is missing")
        else:
            more = _of_wheel(found.path, requirement.extras) if found.is_wheel else _of_source(found.path)
            queue += [(f"{label} (by {requirement.name})", each) for each in more]
    return lines


def of_sources(paths: Iterable[Path]) -> list[str]:
    """Return what building these source distributions requires. Raises `OSError`."""
    return [text for path in paths for text in _of_source(path)]


def of_tables(documents: Iterable[Mapping[str, object]]) -> list[str]:
    """Return what building packages with these `pyproject.toml` requires, apart from what uv carries."""
    return [text for document in documents for text in build_tools.requires(document) if _read(text)]


def _offered(places: Sequence[Path]) -> dict[str, list[_File]]:
    found: dict[str, list[_File]] = {}
    for place in places:
        for path in sorted(place.iterdir()):
            try:
                name, version = parse_wheel_filename(path.name)[:2] if path.suffix == ".whl" else _sdist(path.name)
            except (InvalidWheelFilename, InvalidSdistFilename):
                continue
            found.setdefault(name, []).append(_File(version, path))
    return found


def _sdist(name: str) -> tuple[str, Version]:
    return parse_sdist_filename(name)


def _best(files: Iterable[_File], requirement: Requirement) -> _File | None:
    """Return what uv would take: the newest version, a wheel before a source."""
    fitting = [file for file in files if _fits(requirement, file)]
    return max(fitting, key=lambda file: (file.version, file.is_wheel), default=None)


def _fits(requirement: Requirement, file: _File) -> bool:
    try:
        return requirement.specifier.contains(file.version, prereleases=True)
    except ValueError:  # of Python, for a number of thousands of digits
        return False


def _read(text: str) -> Requirement | None:
    """Read a requirement that holds here and that uv does not carry; one that cannot be read is uv's to complain of."""
    try:
        requirement = Requirement(text)
        holds = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    except _NO_REQUIREMENT:
        return None
    carried = canonicalize_name(requirement.name) in build_tools.CARRIED
    return requirement if holds and not requirement.url and not carried else None


def _of_source(path: Path) -> list[str]:
    content = _read_archive(path, _pyproject)
    try:
        return build_tools.requires(toml.loads(content.decode("utf-8"))) if content is not None else []
    except ValueError:
        return []  # uv says what is wrong with it, in its own words


def _read_archive(path: Path, read: Callable[[Path], bytes]) -> bytes | None:
    """Read something of an archive; `None` if it is damaged, which uv says in its own words. Raises `OSError`."""
    try:
        return read(path)
    except _DAMAGED:
        return None
    except OSError as error:
        if error.errno is None:  # of gzip: what it reads is no such file
            return None
        raise


def _pyproject(path: Path) -> bytes:
    """Return `pyproject.toml` of a source distribution: in its one directory. Empty if it has none."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _is_pyproject(name)]
            return _member(archive, names)
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member) if _is_pyproject(member.name) else None
            if content is not None:
                return content.read(_LARGEST)
    return b""


def _is_pyproject(name: str) -> bool:
    return name.removeprefix("./").count("/") == 1 and name.endswith("/pyproject.toml")


def _of_wheel(path: Path, extras: Iterable[str]) -> Iterator[str]:
    """Return what a wheel requires, as its metadata have it, for these extras."""
    text = (_read_archive(path, _metadata) or b"").decode("utf-8", errors="replace")
    for entry in HeaderParser().parse(io.StringIO(text)).get_all("Requires-Dist", []):
        with suppress(*_NO_REQUIREMENT):
            requirement = Requirement(entry)
            marker = requirement.marker
            if marker and any(marker.evaluate({"extra": extra}) for extra in extras):
                requirement.marker = None
            yield str(requirement)


def _metadata(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return _member(archive, [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")])


def _member(archive: zipfile.ZipFile, names: Sequence[str]) -> bytes:
    if not names:
        return b""
    with archive.open(names[0]) as content:
        return content.read(_LARGEST)
