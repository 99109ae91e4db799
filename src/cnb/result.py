"""The value a build returns, and the only code that writes the lifecycle's files.

Nothing is written before the whole result has been checked. Files of layers that were not declared are removed, so
that what an earlier build left cannot be taken for a part of this one.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cnb import toml
from cnb.launch import PROCESS_TYPE, Label, Process, Slice
from cnb.layer import FORBIDDEN_NAMES, Action, Layer, ReusedLayer, SBOMFormat, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from cnb.context import BuildContext

_MODE = 0o755
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class ResultError(Exception):
    """The result breaks the specification: a bug of the buildpack. One line for each problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """All that a build leaves behind. Layers that are not in it are removed."""

    layers: tuple[Layer | ReusedLayer, ...] = ()
    """In any order: the lifecycle orders layers by their names."""
    processes: tuple[Process, ...] = ()
    """What the image starts; of equal types the last buildpack's wins."""
    labels: tuple[Label, ...] = ()
    """Labels of the image."""
    slices: tuple[Slice, ...] = ()
    """In the order in which they take files: a file belongs to the first slice that names it."""
    unmet: tuple[str, ...] = ()
    """Entries of the buildpack plan that this buildpack leaves to later ones."""
    store: Mapping[str, Any] | None = None
    """What the next build gets as `BuildContext.store`; `None` writes no `store.toml`, and forgets what there was."""
    launch_sboms: Mapping[SBOMFormat, bytes] = field(default_factory=dict)
    """What is in the image beside the layers."""
    build_sboms: Mapping[SBOMFormat, bytes] = field(default_factory=dict)
    """What the build used and the image does not have."""


def empty_layer(context: BuildContext, name: str) -> Path:
    """Make `<layers>/<name>` an empty directory (mode 0755) to write a layer's contents into.

    Whatever was there is removed, `<name>.toml` first: a build that is killed from here on leaves no metadata that a
    next one would take for good. Raises `OSError`.
    """
    forget_layer(context, name)
    directory = context.layers_dir / name
    directory.mkdir()
    directory.chmod(0o755)
    return directory


def forget_layer(context: BuildContext, name: str) -> None:
    """Remove metadata, SBOM files and directory of a layer, in this order. Raises `OSError`."""
    (context.layers_dir / f"{name}.toml").unlink(missing_ok=True)
    for path in context.layers_dir.glob(f"{name}.sbom.*"):
        path.unlink()
    directory = context.layers_dir / name
    if directory.is_symlink() or directory.is_file():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)


def write_result(context: BuildContext, result: BuildResult) -> None:
    """Check the result, then write it to `context.layers_dir`. Raises `ResultError` before anything is written."""
    problems = list(_problems(context, result))
    if problems:
        raise ResultError("\n".join(problems))
    # The directory's own mode is in every layer's tar; the lifecycle makes it with its umask.
    # https://github.com/buildpacks/lifecycle/blob/v0.21.17/layers/dir.go
    if context.layers_dir.stat().st_mode & 0o7777 != _MODE:
        # One that is somebody else's (a mounted volume) keeps the mode that its owner gave it.
        with suppress(PermissionError):
            context.layers_dir.chmod(_MODE)
    _remove_undeclared(context, result)
    for layer in result.layers:
        _write_layer(context.layers_dir, layer)
    _write_documents(context.layers_dir, result)


def _problems(context: BuildContext, result: BuildResult) -> Iterator[str]:
    names = [layer.name for layer in result.layers]
    yield from (f"layer {name!r} is declared twice" for name in sorted(set(names)) if names.count(name) > 1)
    for layer in result.layers:
        yield from _layer_problems(context, layer)
    yield from _process_problems(result.processes)
    yield from _label_problems(result.labels)
    yield from _sbom_problems(context, result)
    entries = {entry.name for entry in context.plan}
    yield from (f"unmet {name!r} is not in the buildpack plan" for name in result.unmet if name not in entries)


def _layer_problems(context: BuildContext, layer: Layer | ReusedLayer) -> Iterator[str]:
    if layer.name in FORBIDDEN_NAMES or "." in layer.name or "/" in layer.name or not layer.name:
        yield f"{layer.name!r} cannot be the name of a layer"
        return
    for key, value in layer.metadata.items():
        if not isinstance(value, str):
            yield f"layer {layer.name}: metadata {key} is not a string, and would not survive the lifecycle's JSON"
    present = (context.layers_dir / layer.name).is_dir()
    if isinstance(layer, ReusedLayer):
        if present:
            yield f"layer {layer.name} is to be reused without contents, but its directory exists"
        if layer.name not in context.restored:
            yield f"layer {layer.name} is to be reused, but the previous image has no metadata for it"
        return
    if not present:
        yield f"layer {layer.name} has no directory"
    for variable in layer.environment:
        yield from _variable_problems(layer.name, variable)


def _variable_problems(layer: str, variable: Variable) -> Iterator[str]:
    if not _VARIABLE_NAME.match(variable.name):
        yield f"layer {layer}: {variable.name!r} is not a name for a variable"
    needs_delimiter = variable.action in {Action.APPEND, Action.PREPEND}
    if needs_delimiter and variable.delimiter is None:
        yield f"layer {layer}: {variable.name} is {variable.action.value}ed without a delimiter"


def _process_problems(processes: Iterable[Process]) -> Iterator[str]:
    processes = tuple(processes)
    types = [process.type for process in processes]
    for process in processes:
        if not PROCESS_TYPE.match(process.type):
            yield f"{process.type!r} cannot be a process type (letters, digits, '.', '_', '-')"
        if not process.command:
            yield f"process {process.type} has no command"
    yield from (f"process {kind} is declared twice" for kind in sorted(set(types)) if types.count(kind) > 1)
    if sum(process.default for process in processes) > 1:
        yield "more than one process is the default"


def _label_problems(labels: Iterable[Label]) -> Iterator[str]:
    keys = [label.key for label in labels]
    yield from (f"label {key} is set twice" for key in sorted(set(keys)) if keys.count(key) > 1)


def _sbom_problems(context: BuildContext, result: BuildResult) -> Iterator[str]:
    used = {*result.launch_sboms, *result.build_sboms}
    used.update(kind for layer in result.layers for kind in layer.sboms)
    for kind in sorted(used, key=lambda kind: kind.value):
        if kind.media_type not in context.buildpack.sbom_formats:
            yield f"sbom-formats in buildpack.toml does not list {kind.media_type}"


def _remove_undeclared(context: BuildContext, result: BuildResult) -> None:
    declared = {layer.name for layer in result.layers}
    for name in set(context.restored) | _names_on_disk(context.layers_dir):
        if name not in declared:
            # Without its `<name>.toml`, which goes first, a directory that somebody else owns is no longer a layer.
            with suppress(PermissionError):
                forget_layer(context, name)
    for pattern in ("launch.*", "build.*", "store.toml"):
        for path in context.layers_dir.glob(pattern):
            path.unlink()


def _names_on_disk(layers_dir: Path) -> set[str]:
    names = {path.stem for path in layers_dir.glob("*.toml")}
    names.update(path.name.split(".")[0] for path in layers_dir.glob("*.sbom.*"))
    names.update(path.name for path in layers_dir.iterdir() if path.is_dir() and not path.name.startswith("."))
    return names - FORBIDDEN_NAMES


def _write_layer(layers_dir: Path, layer: Layer | ReusedLayer) -> None:
    for kind, content in layer.sboms.items():
        _write(layers_dir / f"{layer.name}.sbom.{kind.value}", content)
    if isinstance(layer, Layer):
        for kind in set(SBOMFormat) - set(layer.sboms):
            (layers_dir / f"{layer.name}.sbom.{kind.value}").unlink(missing_ok=True)
        _write_layer_files(layers_dir / layer.name, layer)
    document = {"types": layer.types.document(), "metadata": dict(layer.metadata)}
    _write(layers_dir / f"{layer.name}.toml", toml.dumps(document).encode())


def _write_layer_files(directory: Path, layer: Layer) -> None:
    for scope in ("env", "env.build", "env.launch"):
        shutil.rmtree(directory / scope, ignore_errors=True)
    for variable in layer.environment:
        for name, content in variable.files().items():
            _write_below(directory, name, content.encode("utf-8", "surrogateescape"), 0o644)
    for name, program in layer.exec_d.items():
        _write_below(directory, f"exec.d/{name}", program, 0o755)


def _write_documents(layers_dir: Path, result: BuildResult) -> None:
    launch: dict[str, Any] = {}
    if result.labels:
        launch["labels"] = [{"key": label.key, "value": label.value} for label in result.labels]
    if result.processes:
        launch["processes"] = [process.document() for process in result.processes]
    if result.slices:
        launch["slices"] = [{"paths": list(piece.paths)} for piece in result.slices]
    build = {"unmet": [{"name": name} for name in result.unmet]} if result.unmet else {}
    store = {"metadata": dict(result.store)} if result.store is not None else {}
    for name, document in (("launch", launch), ("build", build), ("store", store)):
        if document:
            _write(layers_dir / f"{name}.toml", toml.dumps(document).encode())
    for name, sboms in (("launch", result.launch_sboms), ("build", result.build_sboms)):
        for kind, content in sboms.items():
            _write(layers_dir / f"{name}.sbom.{kind.value}", content)


def _write_below(directory: Path, name: str, content: bytes, mode: int) -> None:
    """Write a file of a layer; its modes go into the layer's digest, so they do not follow the umask."""
    path = directory / name
    for parent in reversed(path.relative_to(directory).parents[:-1]):
        (directory / parent).mkdir(exist_ok=True)
        (directory / parent).chmod(0o755)
    path.write_bytes(content)
    path.chmod(mode)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_bytes(content)
    temporary.chmod(0o644)
    temporary.replace(path)
