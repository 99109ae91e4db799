"""What goes into the cache: staged before the image is written, committed after.

https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/cache.go
"""

from collections.abc import Mapping

from cnb_platform import tar
from cnb_platform.build import Built, Result
from cnb_platform.cache import Cache
from cnb_platform.layer_archives import buildpack_layer, declared, has_cached_sboms, layer_name, recorded, sbom_layer
from cnb_platform.layers import Layer
from cnb_platform.metadata import BuildpackRecord
from cnb_platform.restore import Previous
from cnb_platform.session import Session


def stage_layers(session: Session, result: Result, previous: Previous, cache: Cache | None) -> dict[str, str]:
    """Store the `cache = true` layers in the staging area; returns their diffIDs by layer name."""
    if cache is None:
        return {}
    try:
        return _stage_all(session, result, previous, cache)
    except OSError as error:
        _leave(session, cache, error)
        return {}


def _leave(session: Session, cache: Cache, error: OSError) -> None:
    """Warn, as the lifecycle does: an image is not worth less for a cache that is full or cannot be written.

    https://github.com/buildpacks/lifecycle/blob/v0.21.17/cmd/lifecycle/exporter.go ("failed to export cache")
    """
    cache.give_up()
    session.log.notice(f"the cache cannot be written, and stays as it was: {error}")


def _stage_all(session: Session, result: Result, previous: Previous, cache: Cache) -> dict[str, str]:
    cache.begin()
    staged = {}
    for built, layer in declared(result):
        name = layer_name(built, layer)
        if layer.cache and layer.has_contents:
            staged[name] = _stage(session, previous, cache, built, layer)
        elif layer.cache and not layer.launch:
            session.log.notice(f"layer '{name}' is cache=true but has no contents: it is dropped from the cache")
    return staged


def _stage(session: Session, previous: Previous, cache: Cache, built: Built, layer: Layer) -> str:
    """Link the layer when it is what was restored, which hashing tells, else write it."""
    record = previous.cached.layers(built.buildpack.id).get(layer.name)
    if record is not None and record.sha in cache.verified:
        sha = tar.diff_id(tar.stream(buildpack_layer(session, built, layer)))
        if sha == record.sha and cache.stage_known(sha):
            return sha
    return cache.stage(buildpack_layer(session, built, layer)).diff_id


def commit(session: Session, result: Result, staged: Mapping[str, str], cache: Cache) -> None:
    """Make the staged layers the cache, with SBOM files and metadata; what was not declared again is dropped."""
    if cache.given_up:
        return
    try:
        sbom = cache.stage(sbom_layer(session, result, "cache")).diff_id if has_cached_sboms(result) else ""
        cache.commit([_record(built, staged) for built in result.built], sbom)
    except OSError as error:
        _leave(session, cache, error)


def _record(built: Built, staged: Mapping[str, str]) -> BuildpackRecord:
    return BuildpackRecord(key=built.buildpack.id, version=built.buildpack.version, layers=recorded(built, staged))
