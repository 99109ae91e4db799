"""Layers: what they are for, their metadata, environment and contents.

Buildpack specification, "Layer Types", "Layer Content Metadata (TOML)" and "Environment":
https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#layer-types
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FORBIDDEN_NAMES = frozenset({"build", "launch", "store"})
"""Of layers: `<layers>/<name>.toml` would be a file that means something else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTypes:
    """For whom a layer is: later buildpacks, the image, the next build."""

    build: bool = False
    """On disk, and its environment set, for later buildpacks of this build."""
    launch: bool = False
    """In the image."""
    cache: bool = False
    """Restored with its contents by the next build that has the same cache."""

    def document(self) -> dict[str, bool]:
        """Return the `[types]` table, all keys written."""
        return {"launch": self.launch, "build": self.build, "cache": self.cache}


class Action(Enum):
    """What happens to a variable; the value is the suffix of its file."""

    APPEND = "append"
    """The value comes after the one that is there."""
    DEFAULT = "default"
    """The value counts where the variable is not set, or empty."""
    OVERRIDE = "override"
    """The value replaces the one that is there."""
    PREPEND = "prepend"
    """The value comes before the one that is there."""


class Scope(Enum):
    """Where a variable is set; the value is the directory in the layer."""

    ALL = "env"
    """For later buildpacks, and in the image."""
    BUILD = "env.build"
    """For later buildpacks only."""
    LAUNCH = "env.launch"
    """In the image only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A change to one environment variable."""

    name: str
    """A name that a shell accepts; it is the name of the file, too."""
    value: str
    """Taken verbatim: the lifecycle does not strip a newline and expands nothing."""
    action: Action = Action.OVERRIDE
    """What happens to a value that is there."""
    scope: Scope = Scope.ALL
    """Where it is set."""
    delimiter: str | None = None
    """Between two values, for append and prepend, which need one: without it values would be glued together."""
    process: str | None = None
    """The one process type that it is for, with `Scope.LAUNCH`; `None`: all of them."""

    def files(self) -> dict[str, str]:
        """Return path in the layer → exact content (no newline is added: the lifecycle takes it verbatim)."""
        directory = f"{self.scope.value}/{self.process}" if self.process else self.scope.value
        files = {f"{directory}/{self.name}.{self.action.value}": self.value}
        if self.delimiter is not None:
            files[f"{directory}/{self.name}.delim"] = self.delimiter
        return files


class SBOMFormat(Enum):
    """The three formats the specification names; the value is the file extension."""

    CYCLONEDX = "cdx.json"
    """CycloneDX, in JSON."""
    SPDX = "spdx.json"
    """SPDX, in JSON."""
    SYFT = "syft.json"
    """The format of the tool Syft, in JSON."""

    @property
    def media_type(self) -> str:
        """What `sbom-formats` in buildpack.toml must list."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    SBOMFormat.CYCLONEDX: "application/vnd.cyclonedx+json",
    SBOMFormat.SPDX: "application/spdx+json",
    SBOMFormat.SYFT: "application/vnd.syft+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer as this build leaves it. Its contents were written to `<layers>/<name>` while building."""

    name: str
    """The directory below the layers directory; the lifecycle orders layers by it."""
    types: LayerTypes
    """For whom it is."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the next build gets as `RestoredLayer.metadata`.

    Strings only: it goes through JSON, from which integers come back as floats
    (https://github.com/buildpacks/lifecycle/blob/v0.21.17/platform/files/metadata.go)."""
    environment: tuple[Variable, ...] = ()
    """What the layer sets. The SDK writes its files into the layer."""
    exec_d: Mapping[str, bytes] = field(default_factory=dict)
    """Programs that the launcher runs before a process: `name`, or `type/name` for one process type.

    The SDK writes them into the layer."""
    sboms: Mapping[SBOMFormat, bytes] = field(default_factory=dict)
    """SBOM files of this layer, by format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusedLayer:
    """A launch-only layer that is taken from the previous image as it is: **no directory is written**.

    The exporter finds the blob by the metadata of the previous image; the lifecycle restores `<name>.toml` and
    the SBOM files of such a layer, and nothing else
    (https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/restorer.go).
    """

    name: str
    """That of a layer of the previous image (`BuildContext.restored`)."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """As in `Layer`: it replaces that of the previous image."""
    sboms: Mapping[SBOMFormat, bytes] = field(default_factory=dict)
    """SBOM files by format; the restored ones stay where there is none here."""

    @property
    def types(self) -> LayerTypes:
        """Launch only: the one combination that can be reused without contents."""
        return LayerTypes(launch=True)


@dataclass(frozen=True, slots=True)
class RestoredLayer:
    """What the platform brought back of a layer: metadata always, a directory only where it was cached."""

    name: str
    """As it was declared."""
    metadata: Mapping[str, object]
    """The `[metadata]` table as JSON leaves it; whoever can write the image or the cache can write it."""
    directory: Path | None
    """The contents, if the layer was cached; `None` for a launch-only layer."""
    sboms: Mapping[SBOMFormat, bytes]
    """The restored SBOM files of this layer, by format."""
