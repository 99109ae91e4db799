"""The `uv` layer: the tool itself, for this build and for later buildpacks, never in the image."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from cnb import toml
from cnb.layer import LayerTypes, Scope, Variable
from uv_buildpack import package_data
from uv_buildpack.errors import UvNotFound, UvVersionInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uv_buildpack.uv.running import Uv

NAME = "uv"
# Always for later buildpacks, never at launch. Not cached: a hot build needs no uv, and 40 MB would cost it a second.
TYPES = LayerTypes(build=True)
ENVIRONMENT = (Variable(name="UV_PYTHON_DOWNLOADS", value="never", scope=Scope.BUILD),)
_INDEX_SETTINGS = (
    "index",
    "index-url",
    "extra-index-url",
    "no-index",
    "find-links",
    "index-strategy",
    "keyring-provider",
    "allow-insecure-host",
    "native-tls",
    "system-certs",
)


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


def contribute(directory: Path, *, uv: Uv, request: UvRequest | None, root: Path, settings: Mapping[str, Any]) -> Path:
    """Fill the layer's `bin` with uv and give its path: a link to the carried one, or the version asked for.

    Another version is installed by the carried uv from the user's own index, with the user's own credentials.
    `settings` are uv's of the project in `root`. Raises `Problem`, `OSError`.
    """
    (directory / "bin").mkdir()
    target = directory / "bin" / "uv"
    if carried_fits(request) or request is None:
        target.symlink_to(uv.binary)
        return target
    # Not in the project: the carried uv would read there that it is the wrong version.
    with TemporaryDirectory(dir=directory) as elsewhere:
        toml.dump(Path(elsewhere, "uv.toml"), index_settings(settings, root))
        uv.install_tool(f"uv{request.specifier}", directory / "packages", Path(elsewhere))
    target.symlink_to("../packages/bin/uv")
    return target


def index_settings(settings: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Give those of uv's settings that say where packages come from; relative paths become absolute."""
    chosen = {name: settings[name] for name in _INDEX_SETTINGS if name in settings}
    indexes = chosen.get("index")
    if isinstance(indexes, list):
        chosen["index"] = [
            {**index, "url": _absolute(index["url"], root)} if isinstance(index, dict) and "url" in index else index
            for index in indexes
        ]
    if isinstance(chosen.get("find-links"), list):
        chosen["find-links"] = [_absolute(place, root) for place in chosen["find-links"]]
    return chosen


def _absolute(place: object, root: Path) -> object:
    return str(root / place) if isinstance(place, str) and "://" not in place else place
