"""Which uv: the one that the package carries, or the one that is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from uv_buildpack import package_data
from uv_buildpack.errors import UvNotFound, UvVersionInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class UvRequest:
    """A specifier for uv's version, and where it was written."""

    specifier: SpecifierSet
    origin: str


def read_request(text: str | None, origin: str) -> UvRequest | None:
    """Read a version (`0.13.8`) or a specifier (`>=0.12,<0.14`). Raises `UvVersionInvalid`."""
    if text is None:
        return None
    try:
        return UvRequest(SpecifierSet(f"=={Version(text)}"), origin)
    except InvalidVersion:
        pass
    try:
        return UvRequest(SpecifierSet(text), origin)
    except InvalidSpecifier:
        raise UvVersionInvalid(text, origin) from None


def carried_version() -> str:
    """Return the version of the uv that the package carries."""
    return str(json.loads(package_data.read("uv.json"))["version"])


def carried_fits(request: UvRequest | None) -> bool:
    """Tell whether the carried uv is the one that is asked for."""
    return request is None or request.specifier.contains(carried_version(), prereleases=True)


def find_carried(buildpack_dir: Path, environment: Mapping[str, str]) -> Path:
    """Find the uv that the package carries; a source checkout takes one from `PATH`. Raises `UvNotFound`."""
    carried = buildpack_dir / "uv" / "uv"
    if carried.is_file():
        return carried
    for directory in environment.get("PATH", "").split(":"):
        candidate = type(buildpack_dir)(directory) / "uv"
        if directory and candidate.is_file():
            return candidate
    raise UvNotFound
