"""The `uv` layer: the tool itself, for this build and for later buildpacks, never in the image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from cnb.layer import LayerTypes, Scope, Variable
from uv_buildpack.errors import UvNotFound, UvVersionInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from uv_buildpack.uv import Uv

NAME = "uv"
# Always for later buildpacks, never at launch. Not cached: a hot build needs no uv, and 40 MB would cost it a second.
TYPES = LayerTypes(build=True)
ENVIRONMENT = (Variable(name="UV_PYTHON_DOWNLOADS", value="never", scope=Scope.BUILD),)


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
    """Give the version of the uv that the package carries."""
    document = json.loads(resources.files("uv_buildpack").joinpath("data/uv.json").read_text(encoding="utf-8"))
    return str(document["version"])


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


def contribute(directory: Path, *, uv: Uv, request: UvRequest | None, app_dir: Path) -> Path:
    """Fill the layer's `bin` with uv and give its path: a link to the carried one, or the version asked for.

    Another version is installed by the carried uv from the user's own index, with the user's own credentials.
    Raises `Problem`, `OSError`.
    """
    (directory / "bin").mkdir()
    target = directory / "bin" / "uv"
    if carried_fits(request) or request is None:
        target.symlink_to(uv.binary)
        return target
    packages = directory / "packages"
    uv.install_tool(f"uv{request.specifier}", packages, app_dir)
    target.symlink_to("../packages/bin/uv")
    return target
