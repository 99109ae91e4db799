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
    DEFAULT = "default"
    OVERRIDE = "override"
    PREPEND = "prepend"


class Scope(Enum):
    """Where a variable is set; the value is the directory in the layer."""

    ALL = "env"
    BUILD = "env.build"
    LAUNCH = "env.launch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A change to one environment variable.

    `delimiter` is needed by append and prepend (an absent one would glue values together) and meaningless
    otherwise. `process` narrows `Scope.LAUNCH` to one process type.
    """

    name: str
    """A name that a shell accepts; it is the name of the file, too."""
    value: str
    """Taken verbatim: the lifecycle does not strip a newline and expands nothing."""
    action: Action = Action.OVERRIDE
    scope: Scope = Scope.ALL
    delimiter: str | None = None
    process: str | None = None

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
    SPDX = "spdx.json"
    SYFT = "syft.json"

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
    """A layer as this build leaves it. Its contents were written to `<layers>/<name>` while building.

    `metadata` holds strings only, because restored metadata went through JSON: integers come back as
    floats (seen with lifecycle 0.21.17; https://github.com/buildpacks/lifecycle/blob/v0.21.17/platform/files/metadata.go).
    `environment` and `exec_d` are written into the layer by the SDK.
    """

    name: str
    """The directory below the layers directory; the lifecycle orders layers by it."""
    types: LayerTypes
    metadata: Mapping[str, str] = field(default_factory=dict)
    environment: tuple[Variable, ...] = ()
    exec_d: Mapping[str, bytes] = field(default_factory=dict)
    """Programs that the launcher runs before a process: `name`, or `type/name` for one process type."""
    sboms: Mapping[SBOMFormat, bytes] = field(default_factory=dict)
    """SBOM files of this layer, by format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReusedLayer:
    """A launch-only layer that is taken from the previous image as it is: **no directory is written**.

    The exporter finds the blob by the metadata of the previous image; the lifecycle restores `<name>.toml` and
    the SBOM files of such a layer, and nothing else
    (https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/restorer.go).
    The restored SBOM files are kept unless `sboms` replaces them.
    """

    name: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    sboms: Mapping[SBOMFormat, bytes] = field(default_factory=dict)

    @property
    def types(self) -> LayerTypes:
        """Launch only: the one combination that can be reused without contents."""
        return LayerTypes(launch=True)


@dataclass(frozen=True, slots=True)
class RestoredLayer:
    """What the platform brought back of a layer: metadata always, a directory only where it was cached."""

    name: str
    metadata: Mapping[str, object]
    """The `[metadata]` table as JSON leaves it; whoever can write the image or the cache can write it."""
    directory: Path | None
    """The contents, if the layer was cached; `None` for a launch-only layer."""
    sboms: Mapping[SBOMFormat, bytes]
    """The restored SBOM files of this layer, by format."""
