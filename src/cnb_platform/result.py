"""What a build comes to, for whoever asked for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cnb_platform.launch_toml import Process


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer of the image: size is that of the stored (compressed) blob, in bytes."""

    name: str
    diff_id: str
    digest: str
    size: int
    state: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult:
    """A finished build: the image's name and manifest digest, layers, processes, seconds of each phase, and the log."""

    image: str
    digest: str
    layers: tuple[LayerRow, ...]
    processes: tuple[Process, ...]
    default_process: str
    labels: Mapping[str, str]
    durations: Mapping[str, float]
    log: str

    def layer(self, name: str) -> LayerRow:
        """Return the layer called `<buildpack id>:<layer>`, `app 1`, `sbom`, …. Raises KeyError."""
        for row in self.layers:
            if row.name == name:
                return row
        raise KeyError(name)

    def bytes_of(self, *states: str) -> int:
        """Return the stored bytes of the layers in these states (`added`, `reused`, …)."""
        return sum(row.size for row in self.layers if row.state in states)

    def document(self) -> dict[str, Any]:
        """Return the report of `--report`."""
        return {
            "image": self.image,
            "digest": self.digest,
            "seconds": dict(self.durations),
            "bytes": {
                "added": self.bytes_of("added"),
                "reused": self.bytes_of("reused", "reused without contents"),
                "base": self.bytes_of("base"),
            },
            "layers": [
                {
                    "name": row.name,
                    "state": row.state,
                    "size": row.size,
                    "diffID": row.diff_id,
                    "digest": row.digest,
                    "created_by": row.created_by,
                }
                for row in self.layers
            ],
            "processes": [
                {
                    "type": p.type,
                    "command": list(p.command),
                    "args": list(p.args or ()),
                    "default": p.type == self.default_process,
                }
                for p in self.processes
            ],
        }
