"""The catalogue of CPython builds: data, refreshed by `scripts/refresh-releases`, or the user's own."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.version import Version

from cnb.documents import DocumentError, json_table
from uv_buildpack import package_data
from uv_buildpack.errors import CatalogueInvalid, PythonNotAvailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnb.documents import Table
    from uv_buildpack.downloads.network import Network
    from uv_buildpack.interpreter.request import PythonRequest


LARGEST_CATALOGUE = 16 * 1024 * 1024
"""Bytes, of a file or at an address. The built-in one has 50,000."""
_SHOWN_OF_NAMED = 3
_LATER = 100
"""More patch releases than a minor ever has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CPythonBuild:
    """One build: an archive below the mirror's base address."""

    version: str
    date: str
    arch: str
    """The machine: `x86_64`, `aarch64`."""
    libc: str
    """`gnu` or `musl`."""
    variant: str
    """`default` or `freethreaded`."""
    path: str
    sha256: str

    @property
    def freethreaded(self) -> bool:
        """Return whether it has no global interpreter lock: extension modules need wheels of their own."""
        return self.variant == "freethreaded"


def program(layer: Path, build: CPythonBuild) -> Path:
    """Return the path of the interpreter in its layer, which environments point to."""
    major, minor = build.version.split(".")[:2]
    return layer / "bin" / f"python{major}.{minor}{'t' if build.freethreaded else ''}"


_FIELDS = tuple(field.name for field in fields(CPythonBuild))
_VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}((a|b|rc)\d{1,4})?", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}")


def load(place: str | None, network: Network) -> tuple[CPythonBuild, ...]:
    """Read a catalogue: the built-in one, or that at a path or address. Raises `CatalogueInvalid`, `Problem`."""
    try:
        document = json_table(_content(place, network), "catalogue")
        if "builds" not in document:
            raise document.wrong("an array", "builds")
        return tuple(read_build(entry) for entry in document.tables("builds"))
    except DocumentError as error:
        raise CatalogueInvalid(place or "built in", str(error)) from None


def digest(place: str | None, network: Network) -> str:
    """Return the digest of a catalogue's content. Raises `CatalogueInvalid`, `Problem`."""
    return hashlib.sha256(_content(place, network)).hexdigest()


def candidates(
    catalogue: Sequence[CPythonBuild], request: PythonRequest, arch: str, libc: str
) -> tuple[CPythonBuild, ...]:
    """Return the newest build of each minor that meets the request, newest first. Raises `PythonNotAvailable`.

    Prereleases only count when the request names one and no stable version meets it: `>=3.14.0rc1` is how libraries
    write that they have been tried, not a wish for the next alpha.
    """
    # Of two builds of a version the younger one stays.
    offered = {Version(build.version): build for build in sorted(_for_target(catalogue, request, arch, libc), key=_age)}
    meeting = [version for version in offered if request.specifier.contains(version, prereleases=_names_one(request))]
    chosen = [version for version in meeting if not version.is_prerelease] or meeting
    if not chosen:
        nearest = _nearest(sorted(offered, reverse=True), request)
        newer_than = data_of(catalogue) if _may_be_newer(request, list(offered)) else ""
        raise PythonNotAvailable(request.text, request.origin, f"{arch}, {libc}", nearest, newer_than)
    newest = {version.release[:2]: offered[version] for version in sorted(chosen)}
    return tuple(newest[minor] for minor in sorted(newest, reverse=True))


def data_of(catalogue: Sequence[CPythonBuild]) -> str:
    """Return the date of the newest build, as 2026-11-10: what was released later is not in the catalogue."""
    day = max((build.date for build in catalogue), default="")
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def _may_be_newer(request: PythonRequest, offered: Sequence[Version]) -> bool:
    """Return whether a release that may have come out since would meet the request: a later patch, the next minors."""
    newest = {version.release[:2]: version.micro for version in sorted(offered)}
    later = [f"{major}.{minor}.{micro + step}" for (major, minor), micro in newest.items() for step in range(1, _LATER)]
    major, minor = max(newest, default=(3, 0))
    later += [f"{major}.{minor + step}.{micro}" for step in range(1, 3) for micro in range(_LATER)]
    return any(request.specifier.contains(version, prereleases=True) for version in later)


def _for_target(
    catalogue: Sequence[CPythonBuild], request: PythonRequest, arch: str, libc: str
) -> Iterator[CPythonBuild]:
    if request.arch in {None, arch} and request.libc in {None, libc}:
        for build in catalogue:
            if (build.arch, build.libc, build.freethreaded) == (arch, libc, request.freethreaded):
                yield build


def _age(build: CPythonBuild) -> str:
    return build.date


def _names_one(request: PythonRequest) -> bool:
    return any(Version(part.version.removesuffix(".*")).is_prerelease for part in request.specifier)


def _nearest(versions: Sequence[Version], request: PythonRequest) -> list[str]:
    """Return the newest of each minor; of the minors that the request names, the three newest."""
    named = {Version(part.version.removesuffix(".*")).release[:2] for part in request.specifier}
    shown: dict[tuple[int, ...], list[str]] = {}
    for version in versions:
        minor = version.release[:2]
        if len(shown.setdefault(minor, [])) < (_SHOWN_OF_NAMED if minor in named else 1):
            shown[minor].append(str(version))
    return [text for minor in shown.values() for text in minor]


def _content(place: str | None, network: Network) -> bytes:
    if place is None:
        return package_data.read("cpython.json").encode()
    if place.lower().startswith(("http:", "https:")):
        from uv_buildpack.downloads.download import fetch_small  # noqa: PLC0415 (a hot build does not import httpx)

        return fetch_small(place, network=network)
    try:
        return _file_content(Path(unquote(urlsplit(place).path) if place.startswith("file:") else place))
    except (OSError, ValueError) as error:
        raise CatalogueInvalid(place, getattr(error, "strerror", None) or str(error)) from None


def _file_content(path: Path) -> bytes:
    """Read a file of at most the size that an address may give. Raises `OSError`, `ValueError`."""
    if not stat.S_ISREG(path.stat().st_mode):
        message = "It is not a regular file"
        raise ValueError(message)
    with path.open("rb") as file:
        content = file.read(LARGEST_CATALOGUE + 1)
    if len(content) > LARGEST_CATALOGUE:
        message = f"It is larger than {LARGEST_CATALOGUE // 1024**2} MiB"
        raise ValueError(message)
    return content


def read_build(entry: Table) -> CPythonBuild:
    """Read one build. Raises `DocumentError`."""
    build = CPythonBuild(**{name: entry.text(name) for name in _FIELDS})
    wrong = (
        (_VERSION.fullmatch(build.version) is None, "version", "a version, such as 3.13.4"),
        (build.libc not in {"gnu", "musl"}, "libc", "gnu or musl"),
        (build.variant not in {"default", "freethreaded"}, "variant", "default or freethreaded"),
        (_DIGEST.fullmatch(build.sha256) is None, "sha256", "a SHA-256 in lower case"),
        (".." in build.path.split("/") or "://" in build.path, "path", "a path below the mirror"),
    )
    for is_wrong, name, expected in wrong:
        if is_wrong:
            raise entry.wrong(expected, name)
    return build
