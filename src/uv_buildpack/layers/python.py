"""The `python` layer: CPython from an archive, moved to the layer, pruned, its standard library compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnb.layer import Action, Layer, LayerTypes, ReusedLayer, Scope, Variable
from cnb.result import empty_layer
from uv_buildpack import package_data
from uv_buildpack.interpreter.catalogue import program
from uv_buildpack.layers import making, reuse
from uv_buildpack.layers.reuse import part
from uv_buildpack.layers.work import made, reused
from uv_buildpack.uv import bindings

if TYPE_CHECKING:
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.interpreter.catalogue import CPythonBuild
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.work import Work

NAME = "python"
SCHEME = "7"
"""Raised when what is made of equal inputs changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonKey:
    """All that decides what is in the layer. Strings only."""

    scheme: str = part()
    version: str = part()
    date: str = part()
    variant: str = part()
    arch: str = part()
    libc: str = part()
    sha256: str = part()
    path: str = part()

    def text(self) -> str:
        """Return the interpreter in one line, for the keys of layers that are made with it."""
        return f"{self.version} {self.variant} {self.date} {self.sha256[:12]} scheme {self.scheme}"


def key(build: CPythonBuild, layer: Path) -> PythonKey:
    """Return the key of the layer at `layer`."""
    return PythonKey(
        scheme=SCHEME,
        version=build.version,
        date=build.date,
        variant=build.variant,
        arch=build.arch,
        libc=build.libc,
        sha256=build.sha256,
        path=str(layer),
    )


def wanted(context: BuildContext, analysis: Analysis) -> Wanted[PythonKey]:
    """Return the layer as this build wants it."""
    new = key(analysis.decisions.python, context.layers_dir / NAME)
    return reuse.wanted(context, NAME, new, on_disk=analysis.asked.python)


def types(*, build: bool) -> LayerTypes:
    """Return the types: for launch, and for later buildpacks if one asks."""
    return LayerTypes(launch=True, build=build)


def environment(interpreter: Path) -> tuple[Variable, ...]:
    """Return what the layer sets; the lifecycle adds its `bin` to `PATH`.

    https://docs.python.org/3/using/cmdline.html#environment-variables
    """
    return (
        Variable(name="PYTHONDONTWRITEBYTECODE", value="1", scope=Scope.LAUNCH, action=Action.DEFAULT),
        Variable(name="PYTHONUNBUFFERED", value="1", scope=Scope.LAUNCH, action=Action.DEFAULT),
        # A later buildpack must not leave bytecode with time stamps in our layers.
        Variable(name="PYTHONDONTWRITEBYTECODE", value="1", scope=Scope.BUILD),
        Variable(name="UV_PYTHON", value=str(interpreter), scope=Scope.BUILD),
    )


def programs() -> dict[str, bytes]:
    """Return what the launcher runs before each process.

    They set `WEB_CONCURRENCY` from the container's limits, and variables that name the certificates of bindings.
    """
    files = {"ca-certificates": "ca_certificates.sh", "web-concurrency": "web_concurrency.sh"}
    return {name: package_data.read(file).encode() for name, file in files.items()}


def contribute(work: Work, layer: Wanted[PythonKey], *, runs: bool) -> Layer | ReusedLayer:
    """Make the layer, or take it from the previous image; then it is on the disk only if this build `runs` it.

    The standard library of a new one is compiled while packages are installed. Raises `Problem`, `OSError`.
    """
    if not layer.reasons:
        if runs:
            _put(work, layer)
        return reused(work, NAME, layer.metadata)
    build = work.analysis.decisions.python
    if not _put(work, layer):
        work.background.start(making.installation.compile_stdlib, build, work.directory(NAME))
    # At the end: until then its library is being compiled.
    work.snapshots.keep_at_end(NAME, work.directory(NAME), layer.metadata)
    url = making.installation.address(build)
    new = Layer(
        name=NAME,
        types=types(build=work.analysis.asked.python),
        metadata=layer.metadata,
        environment=environment(program(work.directory(NAME), build)),
        exec_d=programs(),
        sboms=making.sbom.of_python(build.version, url=url, sha256=build.sha256),
    )
    return made(work, new, layer.reasons)


def borrow(work: Work, layer: Wanted[PythonKey]) -> None:
    """Put the interpreter of a reused layer on the disk for the rest of this build. Raises `Problem`, `OSError`."""
    _put(work, layer)


def _put(work: Work, layer: Wanted[PythonKey]) -> bool:
    """Put the interpreter on the disk, and return whether it was in a snapshot: then its library is compiled."""
    directory = empty_layer(work.context, NAME)
    if work.snapshots.take(NAME, directory, layer.metadata):
        return True
    mirror = work.analysis.configuration.python_mirror
    places = (*work.analysis.find_links, *bindings.directories(work.context.bindings))
    making.installation.install(
        work.analysis.decisions.python, directory, mirror=mirror, network=work.analysis.network, places=places
    )
    return False
