"""Analysis and restore: what of the last build lies in a buildpack's layers directory when it starts again.

Buildpack specification, "Phase #2: Analysis": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#phase-2-analysis
and https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/restorer.go
"""

import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cnb_platform.buildpack import Buildpack
from cnb_platform.cache import Cache, CorruptBlob
from cnb_platform.console import Log
from cnb_platform.environment import Place
from cnb_platform.errors import AnalysisFailed, RestoreFailed
from cnb_platform.extract import UnsafeArchive
from cnb_platform.metadata import LIFECYCLE_LABEL, LayerRecord, Records, read_records
from cnb_platform.oci import Image
from cnb_platform.session import Session, write_toml

CACHE_ALONE_SINCE = 14  # Platform API since which a cached launch layer is restored without the app image
Sboms = Mapping[tuple[str, str], Mapping[str, bytes]]  # (buildpack directory, layer) -> extension -> contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The last build as far as it is known."""

    image: Image | None = None
    records: Records = field(default_factory=Records)
    cached: Records = field(default_factory=Records)


def analyze(image: Image | None, cache: Cache | None, session: Session) -> Previous:
    """Read the labels of the previous image and the metadata of the cache. Raises AnalysisFailed (32)."""
    cached = cache.records(session.log) if cache else Records()
    if image is not None and image.environment.get("CNB_LAYERS_DIR", session.layers.inside) != session.layers.inside:
        session.log.notice(f"the previous image has its layers elsewhere than {session.layers.inside}: none is reused")
        return Previous(image=image, cached=cached)
    return Previous(image=image, records=_image_records(image), cached=cached)


def _image_records(image: Image | None) -> Records:
    records = Records()
    if image is not None and (label := image.labels.get(LIFECYCLE_LABEL)):
        try:
            records = read_records(label)
        except ValueError as error:
            message = f"the previous image's label {LIFECYCLE_LABEL} cannot be read: {error}"
            raise AnalysisFailed(message) from error
        if records.sbom and image.layer(records.sbom) is None:
            message = f"the previous image's label names the SBOM layer {records.sbom}, which it does not have"
            raise AnalysisFailed(message)
    return records


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """Where a layer's metadata comes from, and the cache's record if its contents may come from there."""

    name: str
    record: LayerRecord
    cached: LayerRecord | None
    from_image: bool


def choose(
    image: Mapping[str, LayerRecord], cached: Mapping[str, LayerRecord], platform_minor: int
) -> Iterator[_Choice]:
    """Return the restore table: the layers of one buildpack of which at least the metadata comes back."""
    for name in sorted({*image, *cached}):
        in_image, in_cache = image.get(name), cached.get(name)
        contents = in_cache if in_cache is not None and in_cache.cache else None
        if contents is not None and _from_cache(contents, in_image, platform_minor):
            yield _Choice(name=name, record=contents, cached=contents, from_image=False)
        elif in_image is not None and _from_image(in_image, contents):
            yield _Choice(name=name, record=in_image, cached=contents, from_image=True)


def _from_cache(cached: LayerRecord, in_image: LayerRecord | None, platform_minor: int) -> bool:
    return not cached.launch or (in_image is None and platform_minor >= CACHE_ALONE_SINCE)


def _from_image(record: LayerRecord, cached: LayerRecord | None) -> bool:
    if not record.launch:
        return False
    return cached is not None if record.cache else not record.build


def restore(session: Session, group: Iterable[Buildpack], previous: Previous, cache: Cache | None) -> None:
    """Put back metadata, contents, SBOM files and stores; without `cache` contents cannot come back.

    Raises RestoreFailed (42) where an intact cached layer holds what cannot be restored.
    """
    sboms = image_sboms(previous)
    cache_sboms = _cache_sboms(previous, cache)
    for buildpack in group:
        place = session.layers_of(buildpack)
        image_layers, cached_layers = previous.records.layers(buildpack.id), previous.cached.layers(buildpack.id)
        for choice in choose(image_layers, cached_layers, session.platform_minor):
            if _restore_layer(place, buildpack, choice, cache, session.log):
                source = sboms if choice.from_image else cache_sboms
                _write_sboms(place, choice.name, source.get((buildpack.directory_name, choice.name), {}))
        restore_store(session, buildpack, previous)
        if place.host.is_dir():
            session.machine.give(place.host)


def restore_store(session: Session, buildpack: Buildpack, previous: Previous) -> None:
    """`store.toml` comes from the previous image, always."""
    record = previous.records.buildpacks.get(buildpack.id)
    if record is not None and record.store is not None:
        place = session.layers_of(buildpack)
        place.host.mkdir(parents=True, exist_ok=True)
        write_toml(place.below("store.toml"), {"metadata": record.store})
        session.machine.give(place.host / "store.toml")


def _restore_layer(place: Place, buildpack: Buildpack, choice: _Choice, cache: Cache | None, log: Log) -> bool:
    """Return whether the layer's metadata is there afterwards."""
    title = f"{buildpack.id}:{choice.name}"
    if choice.cached is not None and choice.cached.sha != choice.record.sha:
        log.line(f'Removing "{title}", wrong sha')
        return False
    place.host.mkdir(parents=True, exist_ok=True)
    log.line(f'Restoring metadata for "{title}" from {"app image" if choice.from_image else "cache"}')
    metadata = choice.record.data
    write_toml(place.below(f"{choice.name}.toml"), {} if metadata is None else {"metadata": metadata})
    if choice.cached is not None and cache is not None:
        log.line(f'Restoring data for "{title}" from cache')
        _restore_contents(place.below(choice.name), choice.cached.sha, cache, log)
    return True


def _restore_contents(layer: Place, sha: str, cache: Cache, log: Log) -> None:
    try:
        cache.restore(sha, layer)
    except CorruptBlob as error:
        shutil.rmtree(layer.host, ignore_errors=True)
        log.notice(f"the cached layer {layer.inside} is damaged ({error}): only its metadata is restored")
    except UnsafeArchive as error:
        message = f"the cached layer {layer.inside} cannot be restored: {error}"
        raise RestoreFailed(message) from error


def image_sboms(previous: Previous) -> Sboms:
    """Return the SBOM files of launch layers in the previous image, by buildpack and layer."""
    blob = previous.image.layer(previous.records.sbom) if previous.image and previous.records.sbom else None
    if blob is None:
        return {}
    with blob.open_tar() as opened, tarfile.open(fileobj=opened, mode="r|") as members:
        return _read_sboms(members, "launch")


def _cache_sboms(previous: Previous, cache: Cache | None) -> Sboms:
    if cache is None or not previous.cached.sbom:
        return {}
    try:
        with tarfile.open(cache.committed / f"{previous.cached.sbom}.tar", mode="r") as members:
            return _read_sboms(members, "cache")
    except (OSError, tarfile.TarError):
        return {}


def _read_sboms(members: tarfile.TarFile, kind: str) -> Sboms:
    found: dict[tuple[str, str], dict[str, bytes]] = {}
    for member in members:
        head, _, path = member.name.rpartition(f"/sbom/{kind}/")
        parts = path.split("/")
        content = members.extractfile(member) if member.isreg() and head and len(parts) == 3 else None  # noqa: PLR2004
        if content is not None and parts[2].startswith("sbom."):
            found.setdefault((parts[0], parts[1]), {})[parts[2].removeprefix("sbom.")] = content.read()
    return found


def _write_sboms(place: Place, layer: str, files: Mapping[str, bytes]) -> None:
    for extension, content in files.items():
        path = place.host / f"{layer}.sbom.{extension}"
        path.write_bytes(content)
        path.chmod(0o644)


def describe(previous: Previous) -> str:
    """Return one line for the log about what there is to go by."""
    known = sum(len(record.layers) for record in previous.records.buildpacks.values())
    cached = sum(len(record.layers) for record in previous.cached.buildpacks.values())
    image = "no previous image" if previous.image is None else f"previous image with {known} buildpack layers"
    return f"{image}, {cached} cached layers"
