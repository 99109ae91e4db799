"""Which uv: the one that the package carries, or the one that is asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from uv_buildpack import package_data, specifiers
from uv_buildpack.errors import UvNotFound, UvVersionContradictory, UvVersionInvalid, UvVersionTooOld

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from uv_buildpack.project.files import Project

MIRROR = "UV_INSTALLER_GITHUB_BASE_URL"
"""The variable that names a mirror of uv's releases, for uv's own installer too."""

OLDEST = "0.9.9"
"""The oldest uv that a build can run: the first with `--only-install-package` (https://github.com/astral-sh/uv, 0.9.9).

All else that is asked of uv is older: `--no-install-local` and several `--package` came with 0.9."""
_HIGH = 10**6
"""More than any number in a version."""


class UvRequest(NamedTuple):
    """A specifier for uv's version, and where it was written."""

    specifier: SpecifierSet
    origin: str


def read_request(text: str | None, origin: str) -> UvRequest | None:
    """Read a version (`0.13.8`) or a specifier (`>=0.12,<0.14`). Raises `UvVersionInvalid`."""
    if text is None:
        return None
    try:
        return UvRequest(specifiers.read(f"=={Version(text)}"), origin)
    except ValueError:  # of packaging; or of Python, for a number of thousands of digits
        pass
    try:
        return UvRequest(specifiers.read(text), origin)
    except InvalidSpecifier:
        raise UvVersionInvalid(text, origin) from None


def requested(wanted: str | None, project: Project) -> UvRequest | None:
    """Return what `BP_UV_VERSION` (`wanted`) and the project's `required-version` ask for together.

    uv refuses to run where its version does not meet `required-version`, so both count. Raises `UvVersionInvalid`,
    `UvVersionContradictory`, `UvVersionTooOld`.
    """
    required = project.root.uv_settings().get("required-version")
    file = "uv.toml" if (project.root.directory / "uv.toml").is_file() else project.root.shown
    own = read_request(wanted, "BP_UV_VERSION")
    other = read_request(required if isinstance(required, str) else None, f"required-version in {file}")
    if own is None or other is None:
        request = own or other
    else:
        request = UvRequest(own.specifier & other.specifier, f"{own.origin} and {other.origin}")
        if not _meeting(request.specifier):
            raise UvVersionContradictory(str(own.specifier), str(other.specifier), other.origin)
    if request is not None and not any(Version(each) >= Version(OLDEST) for each in _meeting(request.specifier)):
        raise UvVersionTooOld(str(request.specifier), request.origin, OLDEST)
    return request


def _meeting(specifier: SpecifierSet) -> list[str]:
    """Return some versions that meet a specifier, a usable one among them if there is any."""
    return [each for each in (OLDEST, *_around(specifier)) if specifier.contains(each, prereleases=True)]


def _around(specifier: SpecifierSet) -> Iterator[str]:
    """Return versions at and beside each bound of a specifier: if none meets it, no version does."""
    for part in specifier:
        text = part.version.removesuffix(".*")
        yield text
        major, minor, micro = (*Version(text).release, 0, 0)[:3]
        yield from (f"{major}.{minor}.{micro + 1}", f"{major}.{minor + 1}", f"{major + 1}")
        if micro:
            yield f"{major}.{minor}.{micro - 1}"
        elif minor:
            yield f"{major}.{minor - 1}.{_HIGH}"
        elif major:
            yield f"{major - 1}.{_HIGH}"


def exact(request: UvRequest) -> str | None:
    """Return the version, if a request is for exactly one."""
    pinned = [part.version for part in request.specifier if part.operator == "==" and not part.version.endswith("*")]
    return pinned[0] if pinned else None


def usable(request: UvRequest) -> SpecifierSet:
    """Return the specifier of a request, of which an index may only have versions that are too old."""
    return request.specifier if exact(request) else request.specifier & specifiers.read(f">={OLDEST}")


def bounds(request: UvRequest) -> tuple[str, str]:
    """Return the lowest and the highest version that a request names."""
    versions = sorted(Version(part.version.removesuffix(".*")) for part in request.specifier)
    return str(versions[0]), str(versions[-1])


def carried_version() -> str:
    """Return the version of the uv that the package carries."""
    return str(json.loads(package_data.read("uv.json"))["version"])


def carried_fits(request: UvRequest | None) -> bool:
    """Return whether the carried uv is the one that is asked for."""
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
