"""The `uv` layer: the tool itself, for this build and for later buildpacks, never in the image."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cnb import toml
from cnb.layer import Layer, LayerTypes, Scope, Variable
from cnb.result import empty_layer
from uv_buildpack import log
from uv_buildpack.uv import bindings
from uv_buildpack.uv.running import Uv, environment_for, with_python
from uv_buildpack.uv.version import carried_fits, carried_version, find_carried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uv_buildpack.layers.work import Work
    from uv_buildpack.uv.version import UvRequest

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


def contribute(work: Work, *, runs: bool) -> tuple[Uv, Layer]:
    """Make the layer, and return a uv to run, with the buildpack's own interpreter until there is another.

    A version that is not carried is installed only where something `runs` it, or a later buildpack asks for it.
    Raises `Problem`, `OSError`.
    """
    context, request = work.context, work.analysis.uv_request
    bound = bindings.read(context.bindings, work.scratch)
    carried = Uv(
        binary=find_carried(context.buildpack.directory, context.environment),
        environment=environment_for(context.environment, bound=bound, cache_dir=work.uv_cache),
    )
    uv = with_python(carried, Path(sys.executable))
    directory = empty_layer(context, NAME)
    asked = f"{request.specifier} ({request.origin})" if request is not None else ""
    if carried_fits(request):
        log.step(f"uv {carried_version()}{asked and f' for {asked}'}")
    elif runs or work.analysis.asked.uv:
        log.step(f"uv {asked}, from the index")
    else:
        log.step(f"uv {asked} is not installed: nothing needs it")
        return uv, Layer(name=NAME, types=TYPES, environment=ENVIRONMENT)
    root = work.analysis.project.root
    binary = fill(directory, uv=uv, request=request, root=root.directory, settings=root.uv_settings())
    return replace(uv, binary=binary), Layer(name=NAME, types=TYPES, environment=ENVIRONMENT)


def fill(directory: Path, *, uv: Uv, request: UvRequest | None, root: Path, settings: Mapping[str, Any]) -> Path:
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
