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
from uv_buildpack.errors import ProjectNotFound, ResolutionFailed, UvVersionUnavailable
from uv_buildpack.layers import making
from uv_buildpack.uv import bindings
from uv_buildpack.uv.indexes import Indexes, default_of, of_project, registries
from uv_buildpack.uv.running import Uv, environment_for, with_python
from uv_buildpack.uv.version import MIRROR, bounds, carried_fits, carried_version, find_carried, usable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from uv_buildpack.layers.work import Work
    from uv_buildpack.uv.version import UvRequest

NAME = "uv"
# Always for later buildpacks, never at launch. Not cached: a hot build needs no uv, and 40 MB would cost it a second.
TYPES = LayerTypes(build=True)
ENVIRONMENT = (Variable(name="UV_PYTHON_DOWNLOADS", value="never", scope=Scope.BUILD),)
# https://docs.astral.sh/uv/reference/settings/
_INDEX_SETTINGS = (
    "index",
    "index-url",
    "extra-index-url",
    "find-links",
    "index-strategy",
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
    bound = bindings.read(context.bindings, work.analysis.network, work.scratch)
    carried = Uv(
        binary=find_carried(context.buildpack.directory, context.environment),
        environment=environment_for(context.environment, bound=bound, cache_dir=work.uv_cache) | _without_network(work),
        indexes=Indexes(
            of_project(work.analysis.network.variables, work.analysis.project, bound.config_file),
            registries(work.analysis.decisions.packages),
        ),
    )
    uv = with_python(carried, Path(sys.executable))
    directory = empty_layer(context, NAME)
    asked = f"{request.specifier} ({request.origin})" if request is not None else ""
    if carried_fits(request) or request is None:
        log.step(f"uv {carried_version()}, which the buildpack carries{asked and f', for {asked}'}")
        return link(directory, uv), _layer()
    if not runs and not work.analysis.asked.uv:
        log.step(f"uv {asked} is not installed: nothing needs it")
        return uv, _layer()
    mirror = work.analysis.network.variables.get(MIRROR)
    if mirror:
        log.step(f"uv {asked}, from the mirror {mirror}")
        python = work.analysis.decisions.python
        triple = f"{python.arch}-unknown-linux-{python.libc}"
        return making.releases.install(directory, uv, request, triple, work.analysis.network), _layer()
    root = work.analysis.project.root
    settings = index_settings(root.uv_settings())
    places = asked_indexes(uv, work.analysis.network.variables, settings)
    log.step(f"uv {asked}, from {', '.join(places)}")
    return install(directory, _without_files_of_the_app(uv, work), request, settings, places), _layer()


def link(directory: Path, uv: Uv) -> Uv:
    """Fill the layer with a link to the uv that the package carries."""
    (directory / "bin").mkdir()
    target = directory / "bin" / "uv"
    target.symlink_to(uv.binary)
    return replace(uv, binary=target)


def install(directory: Path, uv: Uv, request: UvRequest, settings: Mapping[str, Any], places: Sequence[str]) -> Uv:
    """Fill the layer with another uv, which the carried one installs from the user's own index.

    It uses the user's own credentials. `settings` say where packages come from, `places` are these indexes for a
    message. Raises `UvVersionUnavailable`, `Problem`, `OSError`.
    """
    (directory / "bin").mkdir()
    target = directory / "bin" / "uv"
    # Not in the project: the carried uv would read there that it is the wrong version.
    with TemporaryDirectory(dir=directory) as elsewhere:
        toml.dump(Path(elsewhere, "uv.toml"), dict(settings))
        try:
            uv.install_tool(f"uv{usable(request)}", directory / "packages", Path(elsewhere))
        except (ResolutionFailed, ProjectNotFound) as error:
            low, high = bounds(request)
            found = (uv.offered(f"uv<{low}", Path(elsewhere)), uv.offered(f"uv>{high}", Path(elsewhere), lowest=True))
            nearest = [version for version in found if version]
            said = f"{request.specifier} ({request.origin})"
            raise UvVersionUnavailable(said, places, nearest, () if nearest else error.facts) from None
    target.symlink_to("../packages/bin/uv")
    return replace(uv, binary=target)


def asked_indexes(uv: Uv, variables: Mapping[str, str], settings: Mapping[str, Any]) -> list[str]:
    """Return the indexes that are asked for a package that no source pins, for a message."""
    tables = settings.get("index")
    explicit = {
        table.get("url") for table in (tables if isinstance(tables, list) else ()) if table.get("explicit") is True
    }
    default = default_of(variables, settings)
    others = [index for index in uv.indexes.known if index.url not in explicit and index != default]
    return [*(log.masked(index.shown) for index in others), log.masked(default.shown) if default else "PyPI"]


def _without_network(work: Work) -> dict[str, str]:
    """Return the variables that let uv find local files, also for builds, and keep it off the network."""
    places = work.analysis.find_links
    variables = {"UV_FIND_LINKS": ",".join(map(str, places))} if places else {}
    # UV_NO_INDEX: with the network off alone, uv would complain of each index instead of what is missing (0.13.9).
    return variables | ({"UV_OFFLINE": "1", "UV_NO_INDEX": "1"} if work.analysis.configuration.offline else {})


def _without_files_of_the_app(uv: Uv, work: Work) -> Uv:
    """Return uv without directories of the app among its `find-links`: for the reason, see `index_settings`."""
    app_dir = work.context.app_dir
    places = [str(place) for place in work.analysis.find_links if not place.resolve().is_relative_to(app_dir.resolve())]
    kept = {name: value for name, value in uv.environment.items() if name != "UV_FIND_LINKS"}
    return replace(uv, environment={**kept, **({"UV_FIND_LINKS": ",".join(places)} if places else {})})


def _layer() -> Layer:
    return Layer(name=NAME, types=TYPES, environment=ENVIRONMENT)


def index_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of uv's settings that say where packages come from, but no places in the file system.

    What is installed runs as uv, with the operator's credentials and without a hash to check: it must not be a file
    that the app itself has, which would make any setting of the operator void (docs/security.md).
    """
    chosen = {name: settings[name] for name in _INDEX_SETTINGS if name in settings}
    tables = chosen.get("index")
    if isinstance(tables, list):
        chosen["index"] = [table for table in tables if isinstance(table, dict) and _is_remote(table.get("url"))]
    for name in ("find-links", "extra-index-url"):
        if isinstance(chosen.get(name), list):
            chosen[name] = [place for place in chosen[name] if _is_remote(place)]
    if "index-url" in chosen and not _is_remote(chosen["index-url"]):
        del chosen["index-url"]
    return chosen


def _is_remote(place: object) -> bool:
    return isinstance(place, str) and "://" in place and not place.lower().startswith("file:")
