"""One build, and what it costs."""

from __future__ import annotations

import resource
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cnb_platform.console import Log
from cnb_platform.embedded import build_image
from cnb_platform.platforms import Options
from cnb_platform.request import Request
from measure.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnb_platform.platform_lifecycle import Lifecycle
    from cnb_platform.result import BuildResult

_BLOCK = 512  # bytes: the unit of ru_oublock


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One build: seconds, and bytes."""

    whole: float
    restore: float
    build: float
    export: float
    written: int
    """Bytes that the platform and all that it started made the kernel write."""
    pushed: int
    """Stored bytes of layers that the image before did not have."""
    image: int
    """Stored bytes of all layers but those of the run image."""
    changed: tuple[str, ...]
    """Names of the layers that the image before did not have."""
    compiled: int | None
    """Modules of packages that were compiled; `None` where the platform leaves nothing to look at."""
    installed: int | None
    """Modules of the distribution that was installed last."""


class Builder(Protocol):
    """A platform, as the benchmark needs it."""

    @property
    def name(self) -> str:
        """What the report calls it."""

    def layout(self, image: str) -> Path:
        """Return where an image is."""

    def build(self, app: Path, buildpack: Path, image: str, cache: str, env: Mapping[str, str]) -> BuildResult:
        """Build; the previous image is the one of this name. Raises PlatformError."""

    def forget(self, image: str, cache: str) -> None:
        """Remove an image and a cache."""

    def compiled(self) -> tuple[int, int] | None:
        """Return the modules that the last build compiled, and those of what it installed last."""

    def clear(self) -> None:
        """Remove what the build before, of another contender, left to be removed."""


@dataclass(frozen=True, slots=True)
class EmbeddedBuilder:
    """The embedded platform, with layers and application in directories that stay."""

    root: Path
    run_image: Path | None = None
    name: str = "embedded platform"

    def layout(self, image: str) -> Path:
        """Return where an image is."""
        return self.root / "images" / image

    def build(self, app: Path, buildpack: Path, image: str, cache: str, env: Mapping[str, str]) -> BuildResult:
        """Build. Raises PlatformError."""
        request = Request(
            app=app,
            buildpacks=(buildpack,),
            image=self.layout(image),
            cache=self.root / "caches" / cache,
            layers_dir=self.root / "layers",
            app_dir=self.root / "workspace",
            run_image=self.run_image,
            env=env,
        )
        return build_image(request, {"PATH": "/usr/bin:/bin"}, Log())

    def forget(self, image: str, cache: str) -> None:
        """Remove an image and a cache."""
        for path in (self.layout(image), self.root / "caches" / cache):
            shutil.rmtree(path, ignore_errors=True)

    def compiled(self) -> tuple[int, int] | None:
        """Look into the layers, which this platform leaves on the disk."""
        return compiled(self.root / "layers")

    def clear(self) -> None:
        """Remove layers and application, which this platform leaves where it was told to put them."""
        for path in (self.root / "layers", self.root / "workspace"):
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class LifecycleBuilder:
    """The lifecycle's creator, exporting to a layout."""

    platform: Lifecycle
    name: str = "lifecycle"

    def layout(self, image: str) -> Path:
        """Return where an image is."""
        return self.platform.layout(image)

    def build(self, app: Path, buildpack: Path, image: str, cache: str, env: Mapping[str, str]) -> BuildResult:
        """Build. Raises BuildFailed."""
        return self.platform.build(app, (buildpack,), image, Options(env=env, cache=cache))

    def forget(self, image: str, cache: str) -> None:
        """Remove an image and a cache."""
        for path in (self.layout(image), self.platform.root / "caches" / cache):
            shutil.rmtree(path, ignore_errors=True)

    def compiled(self) -> tuple[int, int] | None:
        """There is nothing left to look at."""
        return None

    def clear(self) -> None:
        """There is nothing: the platform does that at the end of each build."""


@dataclass(slots=True, kw_only=True)
class Contender:
    """A buildpack, and the layers of the last image that it made: those a registry has."""

    name: str
    buildpack: Path
    builder: Builder
    env: Mapping[str, str]
    registry: set[str] = field(default_factory=set)

    def build(self, app: Path, image: str, cache: str, env: Mapping[str, str] | None = None) -> Sample:
        """Build and measure. Raises PlatformError."""
        self.builder.clear()
        written, began = _written(), time.perf_counter()
        settings = {**self.env, **(env or {})}
        result = self.builder.build(app, self.buildpack, f"{self.name}-{image}", f"{self.name}-{cache}", settings)
        whole, written = time.perf_counter() - began, _written() - written
        modules = self.builder.compiled()
        # Those of the run image are in every registry.
        layers = {row.digest: row for row in result.layers if row.state != "base"}
        new = [row for digest, row in layers.items() if digest not in self.registry]
        # Not all that were ever pushed: the cases go back and forth, which would make every second push free.
        self.registry = set(layers)
        return Sample(
            whole=whole,
            restore=result.durations.get("restore", 0.0),
            build=result.durations.get("build", 0.0),
            export=result.durations.get("export", 0.0),
            written=written,
            pushed=sum(row.size for row in new),
            image=sum(row.size for row in layers.values()),
            changed=tuple(row.name for row in new),
            compiled=modules[0] if modules else None,
            installed=modules[1] if modules else None,
        )

    def layout(self, image: str) -> Path:
        """Return where an image of this contender is."""
        return self.builder.layout(f"{self.name}-{image}")

    def forget(self, image: str, cache: str) -> None:
        """Begin from nothing: no image, no cache, an empty registry."""
        self.builder.forget(f"{self.name}-{image}", f"{self.name}-{cache}")
        self.registry.clear()


def _written() -> int:
    """Return bytes written by this process and by all children that have ended."""
    return sum(resource.getrusage(who).ru_oublock for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * _BLOCK
