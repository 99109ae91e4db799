"""The document of results: what a run measured replaces the older of the same key, everything else stays.

application → measurement → `about` (when, on what) and `samples` of each contender. So small, F and large can come from
separate runs, each with as many builds as it can afford.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORMAT = 2


@dataclass(frozen=True, slots=True)
class Results:
    """What the document holds."""

    applications: Mapping[str, Mapping[str, Any]]

    def median(self, app: str, measurement: str, who: str, name: str) -> float | None:
        """Return the median of a figure, or `None` where it was not measured."""
        values = [sample[name] for sample in self.samples(app, measurement, who) if sample.get(name) is not None]
        return statistics.median(values) if values else None

    def samples(self, app: str, measurement: str, who: str) -> Sequence[Mapping[str, Any]]:
        """Return the samples; none where nothing was measured."""
        found: Sequence[Mapping[str, Any]] = self._entry(app, measurement).get("samples", {}).get(who, ())
        return found

    def about(self, app: str, measurement: str) -> Mapping[str, Any]:
        """Return when and on what it was measured; empty where it was not."""
        found: Mapping[str, Any] = self._entry(app, measurement).get("about", {})
        return found

    def _entry(self, app: str, measurement: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.applications.get(app, {}).get(measurement, {})
        return found


def read(path: Path) -> Results:
    """Read a document; one that is missing or of another format is empty. Raises OSError, ValueError."""
    document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return Results(document["applications"] if document.get("format") == _FORMAT else {})


def record(
    path: Path, app: str, measurement: str, about: Mapping[str, Any], samples: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Put a measurement into the document at `path`; a reader sees the old or the new one, never half of it."""
    old = read(path).applications
    entry = {"about": dict(about), "samples": {who: list(rows) for who, rows in samples.items()}}
    document = {"format": _FORMAT, "applications": {**old, app: {**old.get(app, {}), measurement: entry}}}
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(f".{path.name}.{os.getpid()}")
    written.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    written.replace(path)


def about_machine(platform_name: str) -> dict[str, Any]:
    """Return what is measured on, without what is nobody's business (names, paths)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    head = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip(),
        "platform": platform_name,
        "cpus": len(os.sched_getaffinity(0)),
        "memory": f"{memory / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "load before": round(os.getloadavg()[0], 1),
    }
