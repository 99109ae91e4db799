"""OCI image layouts on disk: reading, and writing so that a reader never sees half an image.

https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from cnb_platform.errors import AnalysisFailed
from cnb_platform.go_json import Value
from cnb_platform.tar import Writer, Written

INDEX = "application/vnd.oci.image.index.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


@dataclass(frozen=True, slots=True)
class MediaTypes:
    """One family of media types: OCI's or Docker's. An image uses one throughout."""

    manifest: str
    config: str
    gzip: str
    plain: str


OCI_TYPES = MediaTypes(
    manifest="application/vnd.oci.image.manifest.v1+json",
    config="application/vnd.oci.image.config.v1+json",
    gzip="application/vnd.oci.image.layer.v1.tar+gzip",
    plain="application/vnd.oci.image.layer.v1.tar",
)
DOCKER_TYPES = MediaTypes(
    manifest="application/vnd.docker.distribution.manifest.v2+json",
    config="application/vnd.docker.container.image.v1+json",
    gzip="application/vnd.docker.image.rootfs.diff.tar.gzip",
    plain="application/vnd.docker.image.rootfs.diff.tar",
)


@dataclass(frozen=True, slots=True)
class Blob:
    """A layer as it is stored: where its layout is, its media type, digest, size in bytes, and its tar's digest."""

    layout: Path
    media_type: str
    digest: str
    size: int
    diff_id: str

    @property
    def path(self) -> Path:
        """The file that holds the blob."""
        return blob_path(self.layout, self.digest)

    def open_tar(self) -> IO[bytes]:
        """Return the archive, unpacked while it is read."""
        if self.media_type.endswith("gzip"):
            return cast("IO[bytes]", gzip.open(self.path, "rb"))
        return self.path.open("rb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image: its configuration document and its layers, bottom first."""

    config: Mapping[str, Any]
    layers: tuple[Blob, ...] = ()
    digest: str = ""
    media_types: MediaTypes = OCI_TYPES
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The part of the configuration that a container starts from (Env, Labels, User, …)."""
        return self.config.get("config") or {}

    @property
    def labels(self) -> Mapping[str, str]:
        """The image's labels."""
        return self.settings.get("Labels") or {}

    @property
    def environment(self) -> dict[str, str]:
        """The image's environment, in its order."""
        return dict(pair.partition("=")[::2] for pair in self.settings.get("Env") or ())

    def layer(self, diff_id: str) -> Blob | None:
        """Return the layer with this diffID, if the image has it."""
        return next((layer for layer in self.layers if layer.diff_id == diff_id), None)


def blob_path(layout: Path, digest: str) -> Path:
    """Return where a layout keeps a blob."""
    algorithm, _, name = digest.partition(":")
    return layout / "blobs" / algorithm / name


def read(layout: Path, architecture: str) -> Image:
    """Return the first image of a layout (of an image index inside it: the one for `architecture` on linux).

    Raises AnalysisFailed where the layout or one of its documents cannot be read.
    """
    try:
        index = json.loads((layout / "index.json").read_bytes())
        manifest, digest = _manifest(layout, index, architecture)
        config = _document(layout, manifest["config"]["digest"])
        diff_ids = config["rootfs"]["diff_ids"] or ()
        layers = tuple(
            Blob(layout, layer["mediaType"], layer["digest"], layer["size"], diff_id)
            for layer, diff_id in zip(manifest["layers"], diff_ids, strict=True)
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError, StopIteration) as error:
        message = f"{layout} is not a readable OCI image layout: {type(error).__name__}: {error}"
        raise AnalysisFailed(message) from error
    docker = manifest["config"].get("mediaType") == DOCKER_TYPES.config
    return Image(
        config=config,
        layers=layers,
        digest=digest,
        media_types=DOCKER_TYPES if docker else OCI_TYPES,
        annotations=manifest.get("annotations") or {},
    )


def _manifest(layout: Path, index: Mapping[str, Any], architecture: str) -> tuple[Any, str]:
    descriptor = index["manifests"][0]
    document = _document(layout, descriptor["digest"])
    if "manifests" not in document:
        return document, descriptor["digest"]
    chosen = next(
        entry["digest"]
        for entry in document["manifests"]
        if entry.get("platform", {}).get("architecture") == architecture and entry["platform"].get("os") == "linux"
    )
    return _document(layout, chosen), chosen


def _document(layout: Path, digest: str) -> Value:
    content = blob_path(layout, digest).read_bytes()
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        message = f"blob {digest} has other contents than its name says"
        raise ValueError(message)
    return json.loads(content)


def prepare(layout: Path) -> None:
    """Make the directories of a layout; an image in it stays readable."""
    (layout / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
    marker = layout / "oci-layout"
    if not marker.exists():
        marker.write_text('{"imageLayoutVersion": "1.0.0"}')


@contextlib.contextmanager
def _temporary(layout: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Yield a file in the layout's blob directory; it is gone afterwards unless it was renamed."""
    descriptor, name = tempfile.mkstemp(prefix=".writing-", dir=layout / "blobs" / "sha256")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as target:
            yield target, path
    finally:
        path.unlink(missing_ok=True)


def add_layer(layout: Path, pieces: Iterable[bytes], writer: Writer, media_type: str) -> Blob:
    """Store an archive as a blob of the layout."""
    with _temporary(layout) as (target, path):
        written: Written = writer(pieces, target)
        target.flush()
        path.chmod(0o644)
        path.replace(blob_path(layout, written.digest))
    return Blob(layout, media_type, written.digest, written.size, written.diff_id)


def take_over(layout: Path, blob: Blob) -> Blob:
    """Make a blob of another layout one of this layout: linked where the file system can, else copied."""
    target = blob_path(layout, blob.digest)
    if not target.exists():
        try:
            os.link(blob.path, target)
        except OSError:
            with _temporary(layout) as (opened, path), blob.path.open("rb") as source:
                shutil.copyfileobj(source, opened, 1 << 20)
                opened.flush()
                path.chmod(0o644)
                path.replace(target)
    return Blob(layout, blob.media_type, blob.digest, blob.size, blob.diff_id)


def add_document(layout: Path, document: Value) -> tuple[str, int]:
    """Store a JSON document as a blob; returns digest and size."""
    content = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with _temporary(layout) as (target, path):
        target.write(content)
        target.flush()
        path.chmod(0o644)
        path.replace(blob_path(layout, digest))
    return digest, len(content)


def write(layout: Path, image: Image, tags: Iterable[str] = ()) -> Image:
    """Make `image`, whose layers are in the layout already, the layout's only image, and drop the blobs of others.

    `index.json` is renamed into place last: until then a reader sees the previous image, afterwards this one.
    """
    types = image.media_types
    config_digest, config_size = add_document(layout, image.config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": types.manifest,
        "config": {"mediaType": types.config, "size": config_size, "digest": config_digest},
        "layers": [{"mediaType": b.media_type, "size": b.size, "digest": b.digest} for b in image.layers],
    }
    if image.annotations:
        manifest["annotations"] = dict(image.annotations)
    digest, size = add_document(layout, manifest)
    descriptor = {"mediaType": types.manifest, "size": size, "digest": digest}
    tagged = [{**descriptor, "annotations": {REF_NAME: tag}} for tag in tags]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": tagged or [descriptor]}
    _replace(layout / "index.json", json.dumps(index, indent=3).encode())
    _collect(layout, {digest, config_digest, *(blob.digest for blob in image.layers)})
    return Image(
        config=image.config, layers=image.layers, digest=digest, media_types=types, annotations=image.annotations
    )


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    temporary.replace(path)


def _collect(layout: Path, keep: set[str]) -> None:
    """Remove blobs that the index no longer reaches, and what a killed build left behind."""
    for path in (layout / "blobs" / "sha256").iterdir():
        if f"sha256:{path.name}" not in keep:
            path.unlink()
