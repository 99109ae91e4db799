"""What the platform remembers of layers between builds: the lifecycle's label on the image and file in the cache.

https://github.com/buildpacks/lifecycle/blob/v0.21.17/platform/files/metadata.go
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cnb_platform import go_json

LIFECYCLE_LABEL = "io.buildpacks.lifecycle.metadata"
BUILD_LABEL = "io.buildpacks.build.metadata"
PROJECT_LABEL = "io.buildpacks.project.metadata"
EXEC_ENV_LABEL = "io.buildpacks.exec-env"
CACHE_METADATA = "io.buildpacks.lifecycle.cache.metadata"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRecord:
    """One layer as the last build left it: its diffID, its metadata (None: none) and its types."""

    sha: str
    data: Mapping[str, Any] | None
    build: bool
    launch: bool
    cache: bool

    def document(self) -> dict[str, Any]:
        """Return the record in the order of the lifecycle's keys."""
        return {
            "sha": self.sha,
            "data": None if self.data is None else go_json.ordered(self.data),
            "build": self.build,
            "launch": self.launch,
            "cache": self.cache,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildpackRecord:
    """The layers of one buildpack by name, and its store (None: it wrote none)."""

    key: str
    version: str
    layers: Mapping[str, LayerRecord] = field(default_factory=dict)
    store: Mapping[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """Return the record as it goes into JSON; `store` is left out when there is none."""
        layers = {name: self.layers[name].document() for name in sorted(self.layers)}
        document: dict[str, Any] = {"key": self.key, "version": self.version, "layers": layers}
        if self.store is not None:
            document["store"] = {"metadata": go_json.ordered(self.store)}
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Everything remembered: by buildpack id, and the diffID of the SBOM layer ("" for none)."""

    buildpacks: Mapping[str, BuildpackRecord] = field(default_factory=dict)
    sbom: str = ""

    def layers(self, buildpack_id: str) -> Mapping[str, LayerRecord]:
        """Return the remembered layers of one buildpack; versions do not matter."""
        record = self.buildpacks.get(buildpack_id)
        return record.layers if record else {}


def read_records(text: str | bytes) -> Records:
    """Read the label or the cache's file; numbers come back as floats, as from Go's JSON.

    Raises ValueError where it is not JSON or not of this shape.
    """
    try:
        document = go_json.loads(text)
        buildpacks = [_buildpack(entry) for entry in document.get("buildpacks") or ()]
        sbom = (document.get("sbom") or {}).get("sha") or ""
    except (AttributeError, KeyError, TypeError) as error:
        message = f"unexpected shape: {error!r}"
        raise ValueError(message) from error
    return Records(buildpacks={record.key: record for record in buildpacks}, sbom=sbom)


def _buildpack(entry: Mapping[str, Any]) -> BuildpackRecord:
    store = entry.get("store")
    return BuildpackRecord(
        key=entry["key"],
        version=entry.get("version") or "",
        layers={name: _layer(layer) for name, layer in (entry.get("layers") or {}).items()},
        store=(store.get("metadata") or {}) if store else None,
    )


def _layer(entry: Mapping[str, Any]) -> LayerRecord:
    return LayerRecord(
        sha=entry["sha"],
        data=entry.get("data"),
        build=bool(entry.get("build")),
        launch=bool(entry.get("launch")),
        cache=bool(entry.get("cache")),
    )
