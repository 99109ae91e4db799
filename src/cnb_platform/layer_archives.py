"""The entries of each layer archive but the app's: buildpack layers, SBOM, launcher, configuration, process types.

Which directories come before the tree, and who owns them, as lifecycle 0.21.17 does it:
https://github.com/buildpacks/lifecycle/blob/v0.21.17/layers/dir.go
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from cnb_platform import launcher, tar
from cnb_platform.build import Built, Result
from cnb_platform.environment import Place
from cnb_platform.launch_toml import metadata_toml
from cnb_platform.layers import Layer, sbom_files
from cnb_platform.metadata import LayerRecord
from cnb_platform.session import Session
from cnb_platform.tar import ROOT, Entry, Owner

LAUNCHER_PATH = "/cnb/lifecycle/launcher"


def layer_name(built: Built, layer: Layer) -> str:
    """Return a layer as logs and tables name it."""
    return f"{built.buildpack.id}:{layer.name}"


def declared(result: Result) -> Iterator[tuple[Built, Layer]]:
    """Return all layers in image order: buildpacks in order, layers by name."""
    for built in result.built:
        for layer in built.layers:
            yield built, layer


def recorded(built: Built, shas: Mapping[str, str]) -> dict[str, LayerRecord]:
    """Return the records of a buildpack's layers, by name: of those that `shas` has a diffID of."""
    return {
        layer.name: LayerRecord(
            sha=shas[layer_name(built, layer)],
            data=layer.data,
            build=layer.build,
            launch=layer.launch,
            cache=layer.cache,
        )
        for layer in built.layers
        if layer_name(built, layer) in shas
    }


def buildpack_layer(session: Session, built: Built, layer: Layer) -> Iterator[Entry]:
    """Return a layer's directory below `/layers` and `/layers/<buildpack>`, whose modes are those on disk."""
    place = session.layers_of(built.buildpack)
    owner = session.machine.owner
    yield _parent(session.layers, owner)
    yield _parent(place, owner)
    yield from tar.tree(layer.path, f"{place.inside}/{layer.name}", owner)


def _parent(place: Place, owner: Owner) -> Entry:
    return tar.entry_of(os.fsencode(place.host), place.inside.encode(), place.host.lstat(), owner)


def sbom_layer(session: Session, result: Result, kind: str) -> Iterator[Entry]:
    """Return the SBOM files of launch layers (`launch`, for the image) or of cached layers (`cache`)."""
    files = dict(_sboms(result, kind))
    if kind == "launch":
        files["sbom.legacy.json"] = b"null\n"
    yield from _files(session, f"{session.layers.inside}/sbom/{kind}", files)


def has_cached_sboms(result: Result) -> bool:
    """Return whether there is any SBOM file of a cached layer."""
    return any(True for _ in _sboms(result, "cache"))


def _sboms(result: Result, kind: str) -> Iterator[tuple[str, bytes]]:
    for built in result.built:
        names = {layer.name for layer in built.layers if (layer.launch if kind == "launch" else layer.cache)}
        for name, extension, path in sbom_files(built.directory):
            if name in names:
                yield f"{built.buildpack.directory_name}/{name}/sbom.{extension}", path.read_bytes()
            elif name == kind == "launch":
                yield f"{built.buildpack.directory_name}/sbom.{extension}", path.read_bytes()


def _files(session: Session, root: str, files: Mapping[str, bytes]) -> Iterator[Entry]:
    """Return a tree made of files by relative path, with `/layers` and `/layers/sbom` before it."""
    owner = session.machine.owner
    yield _parent(session.layers, owner)
    yield tar.directory(root.rpartition("/")[0], owner)
    yield tar.directory(root, owner)
    seen: set[str] = set()
    for path in sorted(files, key=lambda name: name.encode().split(b"/")):  # depth first, siblings in byte order
        parts = path.split("/")
        for depth in range(1, len(parts)):
            parent = "/".join(parts[:depth])
            if parent not in seen:
                seen.add(parent)
                yield tar.directory(f"{root}/{parent}", owner)
        yield tar.file(f"{root}/{path}", files[path], owner)


def launcher_layer(session: Session, result: Result, binary: Path | None) -> Iterator[Entry]:
    """Return the launcher: the binary given, else the stand-in written for this image."""
    if binary is not None:
        content = binary.read_bytes()
    else:
        group = [built.buildpack for built in result.built]
        content = launcher.script(
            result.launch,
            group,
            layers=session.layers.inside,
            app=session.app.inside,
            platform_minor=session.platform_minor,
        )
    yield tar.directory("/cnb", ROOT)
    yield tar.directory("/cnb/lifecycle", ROOT)
    yield tar.file(LAUNCHER_PATH, content, ROOT, 0o755)


def config_layer(session: Session, result: Result) -> Iterator[Entry]:
    """`metadata.toml`, from which a launcher learns processes and buildpacks."""
    owner = session.machine.owner
    text = metadata_toml(result.launch, [built.buildpack for built in result.built], session.platform_minor)
    yield _parent(session.layers, owner)
    yield tar.directory(f"{session.layers.inside}/config", owner)
    yield tar.file(f"{session.layers.inside}/config/metadata.toml", text.encode(), owner)


def process_types_layer(result: Result) -> Iterator[Entry]:
    """Return a link to the launcher for each process type."""
    yield tar.directory("/cnb", ROOT)
    yield tar.directory("/cnb/process", ROOT)
    for process in sorted(result.launch.processes, key=lambda process: process.type.encode()):
        yield tar.symlink(f"/cnb/process/{process.type}", LAUNCHER_PATH, ROOT, 0o755)
