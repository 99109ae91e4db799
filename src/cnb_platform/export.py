"""Export: what buildpacks left and the app become an image; unchanged layers keep the blobs of the previous one.

Buildpack specification, "Phase #4: Export"; the order of layers and their reuse as in lifecycle 0.21.17:
https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/exporter.go
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from cnb_platform import layer_archives, oci, tar
from cnb_platform.build import Built, Result
from cnb_platform.cache import Cache
from cnb_platform.cache_export import stage_layers
from cnb_platform.console import Log
from cnb_platform.errors import ExportFailed
from cnb_platform.image_config import Parts, configuration
from cnb_platform.layer_archives import declared, layer_name
from cnb_platform.layers import Layer
from cnb_platform.metadata import BuildpackRecord, LayerRecord
from cnb_platform.oci import Blob, Image
from cnb_platform.restore import Previous
from cnb_platform.session import Session
from cnb_platform.slices import app_layers
from cnb_platform.tar import Entry

ADDED, REUSED, UNTOUCHED, BASE = "added", "reused", "reused without contents", "base"
CREATED = "1980-01-01T00:00:01Z"


@dataclass(frozen=True, slots=True)
class Row:
    """One layer of the finished image: `name` is `<buildpack id>:<layer>` or the lifecycle's own name for it."""

    name: str
    blob: Blob
    state: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The image, what became of each layer in order, and the diffIDs of cached layers by name."""

    image: Image
    rows: tuple[Row, ...]
    staged: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where the image goes and what it stands on."""

    layout: Path
    run_image: Image
    tags: tuple[str, ...] = ()
    created: str = CREATED
    launcher: Path | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A layer to come: entries to archive, or the diffID of a layer of the previous image to reuse unseen."""

    name: str
    created_by: str
    entries: Callable[[], Iterable[Entry]]
    reuse: str = ""
    staged: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a job may reuse or copy from."""

    destination: Destination
    known: Mapping[str, Blob]
    cache: Cache | None


def export(
    session: Session, result: Result, previous: Previous, destination: Destination, cache: Cache | None
) -> Exported:
    """Write the image. Raises ExportFailed (62); until the last rename the layout's image is the previous one."""
    layout = destination.layout
    oci.prepare(layout)
    known = {blob.diff_id: blob for blob in previous.image.layers} if previous.image else {}
    source = _Source(destination, known, cache)
    staged = stage_layers(session, result, previous, cache)
    jobs = [*_buildpack_jobs(session, result, previous, staged), *_platform_jobs(session, result, destination)]
    base = [Row("run image", oci.take_over(layout, blob), BASE, "") for blob in destination.run_image.layers]
    own = _archive(jobs, source, session.log)
    image = _image(session, result, (*base, *own), destination)
    return Exported(image=oci.write(layout, image, destination.tags), rows=(*base, *own), staged=staged)


def _archive(jobs: Sequence[_Job], source: _Source, log: Log) -> list[Row]:
    """Archive layers side by side: hashing and compressing leave the interpreter to the other thread."""
    with ThreadPoolExecutor(2) as pool:
        rows = list(pool.map(partial(_layer, source), jobs))
    for row in rows:
        log.line(f"{'Adding' if row.state == ADDED else 'Reusing'} layer '{row.name}'")
    return rows


def _layer(source: _Source, job: _Job) -> Row:
    layout = source.destination.layout
    if job.reuse:
        blob = source.known.get(job.reuse)
        if blob is None:
            message = (
                f"cannot reuse layer '{job.name}': unknown diffID {job.reuse}: the previous image does not have it"
            )
            raise ExportFailed(message)
        return Row(job.name, oci.take_over(layout, blob), UNTOUCHED, job.created_by)
    sha = job.staged or (tar.diff_id(tar.stream(job.entries())) if source.known else "")
    if sha in source.known:
        return Row(job.name, oci.take_over(layout, source.known[sha]), REUSED, job.created_by)
    pieces = source.cache.staged(job.staged) if source.cache and job.staged else tar.stream(job.entries())
    media_type = source.destination.run_image.media_types.gzip
    return Row(job.name, oci.add_layer(layout, pieces, tar.write_gzip, media_type), ADDED, job.created_by)


def _buildpack_jobs(session: Session, result: Result, previous: Previous, staged: Mapping[str, str]) -> Iterator[_Job]:
    for built, layer in declared(result):
        if layer.launch:
            name = layer_name(built, layer)
            yield _Job(
                name=name,
                created_by=f"Layer: '{layer.name}', Created by buildpack: {built.buildpack.key}",
                entries=partial(layer_archives.buildpack_layer, session, built, layer),
                reuse="" if layer.has_contents else _reusable(previous, built, layer).sha,
                staged=staged.get(name, ""),
            )


def _reusable(previous: Previous, built: Built, layer: Layer) -> LayerRecord:
    """Return the record of a layer that was declared without a directory. Raises ExportFailed if that is impossible."""
    name = layer_name(built, layer)
    if layer.cache:
        message = f"layer '{name}' is cache=true but has no contents"
        raise ExportFailed(message)
    record = previous.records.layers(built.buildpack.id).get(layer.name)
    if record is None:
        message = f"cannot reuse '{name}', previous image has no metadata for layer '{name}'"
        raise ExportFailed(message)
    return record


def _platform_jobs(session: Session, result: Result, destination: Destination) -> Iterator[_Job]:
    yield _Job(
        name="sbom",
        created_by="Software Bill-of-Materials",
        entries=partial(layer_archives.sbom_layer, session, result, "launch"),
    )
    for number, entries in enumerate(app_layers(session.app, result.launch.slices, session.machine.owner), start=1):
        yield _Job(name=f"app {number}", created_by=f"Application Slice: {number}", entries=partial(iter, entries))
    yield _Job(
        name="launcher",
        created_by="Buildpacks Application Launcher",
        entries=partial(layer_archives.launcher_layer, session, result, destination.launcher),
    )
    yield _Job(
        name="config",
        created_by="Buildpacks Launcher Config",
        entries=partial(layer_archives.config_layer, session, result),
    )
    if result.launch.processes:
        yield _Job(
            name="process-types",
            created_by="Buildpacks Process Types",
            entries=partial(layer_archives.process_types_layer, result),
        )


def _image(session: Session, result: Result, rows: Sequence[Row], destination: Destination) -> Image:
    shas = {row.name: row.blob.diff_id for row in rows if row.state != BASE}
    parts = Parts(
        session=session,
        run_image=destination.run_image,
        result=result,
        records=tuple(_record(built, shas) for built in result.built),
        app=tuple(sha for name, sha in shas.items() if name.startswith("app ")),
        shas=shas,
        created=destination.created,
        history=tuple(row.created_by for row in rows),
        diff_ids=tuple(row.blob.diff_id for row in rows),
    )
    return Image(
        config=configuration(parts),
        layers=tuple(row.blob for row in rows),
        media_types=destination.run_image.media_types,
        annotations=destination.annotations,
    )


def _record(built: Built, shas: Mapping[str, str]) -> BuildpackRecord:
    layers = layer_archives.recorded(built, shas)
    return BuildpackRecord(key=built.buildpack.id, version=built.buildpack.version, layers=layers, store=built.store)
