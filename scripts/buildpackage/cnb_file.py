"""A buildpackage file: an uncompressed tar of an OCI image layout with one layer, as the pack CLI writes it."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnb_platform import tar

if TYPE_CHECKING:
    from collections.abc import Mapping

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CREATED = "0001-01-01T00:00:00Z"
_GZIP_LEVEL = 6
_GZIP_WITHOUT_NAME = zlib.MAX_WBITS | 16


@dataclass(frozen=True, slots=True)
class Layer:
    """The layer of a buildpack: its gzip blob and the digest of the tar inside.

    `shares` says how many bytes of the blob each directory or file at the buildpack's root takes.
    """

    blob: bytes
    diff_id: str
    shares: Mapping[str, int]


def layer(directory: Path, document: Mapping[str, Any]) -> Layer:
    """Pack the buildpack directory as `/cnb/buildpacks/<id>/<version>`."""
    home = f"/cnb/buildpacks/{document['buildpack']['id'].replace('/', '_')}"
    root = f"{home}/{document['buildpack']['version']}"
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WITHOUT_NAME)
    digest = hashlib.sha256()
    blob = bytearray()
    shares: Counter[str] = Counter()

    def add(content: bytes) -> int:
        digest.update(content)
        packed = packer.compress(content)
        blob.extend(packed)
        return len(packed)

    for entry in [tar.directory(home, tar.ROOT), *tar.tree(directory, root, tar.ROOT)]:
        share = entry.name.decode().removeprefix(root).strip("/").partition("/")[0]
        shares[share] += add(_member(entry))
    add(bytes(2 * tar.BLOCK))
    return Layer(bytes(blob) + packer.flush(), f"sha256:{digest.hexdigest()}", shares)


def _member(entry: tar.Entry) -> bytes:
    content = Path(os.fsdecode(entry.source)).read_bytes() if entry.source else b""
    return tar.header(entry) + content + bytes(-len(content) % tar.BLOCK)


def write_package(target: Path, packed: Layer, document: Mapping[str, Any], architecture: str) -> None:
    """Write the file `target` for one architecture; `document` is the parsed buildpack.toml."""
    config = _json(_config(packed, document, architecture))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config),
            "layers": [_descriptor(_LAYER, packed.blob)],
        }
    )
    blobs = {_digest(blob).partition(":")[2]: blob for blob in (config, manifest, packed.blob)}
    head = {"mediaType": _MANIFEST, "size": len(manifest), "digest": _digest(manifest)}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [head]}
    files = {f"/blobs/sha256/{name}": blob for name, blob in sorted(blobs.items())}
    files["/index.json"] = json.dumps(index, indent=3).encode()
    files["/oci-layout"] = json.dumps({"imageLayoutVersion": "1.0.0"}, indent=4).encode()
    directories = [tar.directory(name, tar.ROOT) for name in ("/blobs", "/blobs/sha256")]
    entries = [*directories, *(tar.file(name, content, tar.ROOT, 0o755) for name, content in files.items())]
    with target.open("wb") as opened:
        opened.writelines(tar.stream(entries))


def _config(packed: Layer, document: Mapping[str, Any], architecture: str) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "created": _CREATED,
        "history": [{"created": _CREATED}],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [packed.diff_id]},
        "config": {"Labels": labels(packed, document)},
    }


def labels(packed: Layer, document: Mapping[str, Any]) -> dict[str, str]:
    """Return the two labels that make an image a buildpackage: distribution specification, "Buildpackage"."""
    return {
        "io.buildpacks.buildpack.layers": _label(_layers_label(packed, document)),
        "io.buildpacks.buildpackage.metadata": _label(_metadata_label(document["buildpack"])),
    }


def _layers_label(packed: Layer, document: Mapping[str, Any]) -> dict[str, Any]:
    buildpack = document["buildpack"]
    targets = [{"os": target["os"], "arch": target["arch"]} for target in document["targets"]]
    described = {"api": document["api"], "targets": targets, "layerDiffID": packed.diff_id}
    described |= {key: buildpack[key] for key in ("homepage", "name") if buildpack.get(key)}
    return {buildpack["id"]: {buildpack["version"]: described}}


def _metadata_label(buildpack: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("id", "name", "version", "description", "homepage", "keywords")
    licences = [{"Type": licence["type"], "URI": licence["uri"]} for licence in buildpack["licenses"]]
    named = {key: buildpack[key] for key in keys if buildpack.get(key)}
    # pack adds the stack to every buildpack that names targets only.
    return {**named, "licenses": licences, "stacks": [{"id": "*"}]}


def _label(value: object) -> str:
    """Compact JSON as Go writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: object) -> bytes:
    return _label(value).encode()


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "size": len(blob), "digest": _digest(blob)}


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
