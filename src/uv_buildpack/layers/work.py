"""What every layer is made with, and how each is declared: as made, or as taken from the previous image."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from cnb.layer import Layer, ReusedLayer
from uv_buildpack import log
from uv_buildpack.layers.reuse import sbom_digest
from uv_buildpack.project import locks
from uv_buildpack.snapshots.policy import open_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from typing import Any

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.project.lockfile import Lock
    from uv_buildpack.snapshots.policy import Snapshots

_P = ParamSpec("_P")
_R = TypeVar("_R")

_SCRATCH = ".uv-buildpack"
"""Below the layers directory: the same mount as the layers, so that hard links work; without a `.toml` not exported.

https://github.com/buildpacks/lifecycle/blob/v0.21.17/buildpack/layers.go"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Work that goes on beside the build: a check that asks the index, a compilation."""

    pool: ThreadPoolExecutor
    started: list[Future[Any]] = field(default_factory=list)

    def start(self, task: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """Start a task. What it raises is raised by its result, or at the end of all work."""
        future = self.pool.submit(task, *args, **kwargs)
        self.started.append(future)
        return future


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """The input of this build, what was decided, and where layers are made."""

    context: BuildContext
    analysis: Analysis
    scratch: Path
    """An existing directory on the layers' file system, which is removed at the end."""
    snapshots: Snapshots
    background: Background
    files: Mapping[str, Path] = field(default_factory=dict)
    """Local files of packages, by their names in the lock (`BP_UV_FIND_LINKS`)."""

    @property
    def uv_cache(self) -> Path:
        """Uv's cache: on the layers' file system, so that it can link files into the environment."""
        return self.scratch / "uv-cache"

    def directory(self, name: str) -> Path:
        """Return the directory of a layer."""
        return self.context.layers_dir / name

    def lock(self) -> Lock:
        """Read the lock, which describes what is rebuilt; a hot build does not."""
        return locks.read(self.analysis.project)


@contextmanager
def begun(context: BuildContext, analysis: Analysis) -> Iterator[Work]:
    """Return what layers are made with. At the end nothing is left beside the layers, and nothing is still running."""
    scratch = context.layers_dir / _SCRATCH
    shutil.rmtree(scratch, ignore_errors=True)
    # Secrets of bindings lie below it.
    scratch.mkdir(mode=0o700)
    try:
        # Two: one task asks an index, another one uses a CPU.
        with ThreadPoolExecutor(max_workers=2) as pool:
            background = Background(pool=pool)
            snapshots = open_snapshots(context, analysis.configuration.snapshots)
            yield Work(context=context, analysis=analysis, scratch=scratch, snapshots=snapshots, background=background)
        for each in background.started:
            each.result()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def made(work: Work, layer: Layer, reasons: Sequence[str]) -> Layer:
    """Log why a layer was made, and note the digest of its SBOM files: without them it is not reused."""
    known = layer.name in work.context.restored
    log.layer(layer.name, "changed" if known else "created", reasons)
    return replace(layer, metadata={**layer.metadata, "sbom": sbom_digest(layer.sboms)})


def reused(
    work: Work, name: str, key: Mapping[str, str], noted: Mapping[str, str] | None = None, *, hot: bool = True
) -> ReusedLayer:
    """Take a layer from the previous image; what is on disk of it was only borrowed, and is removed at the end.

    It is not `hot` where it had to be made for that: its snapshot is of use.
    """
    log.layer(name, "reused")
    work.snapshots.note(name, key, hot=hot)
    restored = work.context.restored[name]
    metadata = {key: str(value) for key, value in restored.metadata.items()}
    # Its SBOM files are written again: a borrowed layer's were removed with its directory.
    return ReusedLayer(name=name, metadata={**metadata, **(noted or {})}, sboms=restored.sboms)


def give_back(work: Work, layers: Iterable[Layer | ReusedLayer]) -> None:
    """Remove what is on the disk of layers that are taken from the previous image: it was borrowed for this build."""
    for layer in layers:
        if isinstance(layer, ReusedLayer):
            shutil.rmtree(work.directory(layer.name), ignore_errors=True)
