"""The catalogue of CPython builds: data, refreshed by `scripts/refresh-releases`, or the user's own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from packaging.version import Version

from uv_buildpack.errors import CatalogueInvalid, PythonNotAvailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uv_buildpack.python_request import PythonRequest


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
        """Tell whether it has no global interpreter lock: extension modules need wheels of their own."""
        return self.variant == "freethreaded"


def load(place: str | None, environment: Mapping[str, str]) -> tuple[CPythonBuild, ...]:
    """Read a catalogue: the built-in one, or that at a path or address. Raises `CatalogueInvalid`, `Problem`."""
    shown = place or "built in"
    try:
        document = json.loads(_content(place, environment))
        return tuple(_build(entry) for entry in document["builds"])
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogueInvalid(shown, f"{type(error).__name__}: {error}") from None


def digest(place: str | None, environment: Mapping[str, str]) -> str:
    """Give the digest of a catalogue's content. Raises `CatalogueInvalid`, `Problem`."""
    return hashlib.sha256(_content(place, environment)).hexdigest()


def candidates(
    catalogue: tuple[CPythonBuild, ...], request: PythonRequest, arch: str, libc: str
) -> tuple[CPythonBuild, ...]:
    """Give the newest build of each minor that meets the request, newest first. Raises `PythonNotAvailable`.

    Prereleases only count when the request names one.
    """
    fitting = [build for build in catalogue if (build.arch, build.libc) == (arch, libc)]
    fitting = [build for build in fitting if build.freethreaded == request.freethreaded]
    prereleases = any(Version(spec.version.removesuffix(".*")).is_prerelease for spec in request.specifier)
    newest: dict[tuple[int, int], CPythonBuild] = {}
    for build in fitting:
        version = Version(build.version)
        if not request.specifier.contains(version, prereleases=prereleases) or version.is_prerelease > prereleases:
            continue
        minor = (version.major, version.minor)
        known = newest.get(minor)
        if known is None or (Version(known.version), known.date) < (version, build.date):
            newest[minor] = build
    if not newest:
        versions = sorted({Version(build.version) for build in fitting}, reverse=True)
        raise PythonNotAvailable(request.text, request.origin, f"{arch}, {libc}", [str(one) for one in versions])
    return tuple(newest[minor] for minor in sorted(newest, reverse=True))


def _content(place: str | None, environment: Mapping[str, str]) -> bytes:
    if place is None:
        return resources.files("uv_buildpack").joinpath("data/cpython.json").read_bytes()
    if urlsplit(place).scheme in {"http", "https"}:
        from uv_buildpack.download import fetch_small  # noqa: PLC0415 (a hot build does not import httpx)

        return fetch_small(place, environment=environment)
    path = Path(urlsplit(place).path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogueInvalid(place, str(error.strerror)) from None


def _build(entry: Mapping[str, Any]) -> CPythonBuild:
    return CPythonBuild(**{field.name: str(entry[field.name]) for field in fields(CPythonBuild)})
