"""The table and the document of a run."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from measure.builds import median
from measure.cases import CASES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from measure.builds import Sample

OURS, BASELINE, FLOOR = "uv-buildpack", "baseline", "floor"
_MEGA = 1e6
Samples: TypeAlias = "Mapping[str, Mapping[str, Mapping[str, Sequence[Sample]]]]"


def document(results: Samples, starts: Mapping[str, Mapping[str, float]], about: Mapping[str, Any]) -> dict[str, Any]:
    """Give everything as JSON: application → case → contender → samples and medians."""
    apps = {
        app: {
            case: {
                name: {"median": median(samples), "samples": [asdict(sample) for sample in samples]}
                for name, samples in contenders.items()
            }
            for case, contenders in cases.items()
        }
        for app, cases in results.items()
    }
    return {"about": dict(about), "applications": apps, "start-up": {app: dict(row) for app, row in starts.items()}}


def about_machine(platform_name: str, repeat: int) -> dict[str, Any]:
    """Say what was measured on, without what is nobody's business (names, paths)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    head = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": subprocess.run(head, capture_output=True, text=True, check=False).stdout.strip(),
        "platform": platform_name,
        "cpus": len(os.sched_getaffinity(0)),
        "memory": f"{memory / 2**30:.0f} GiB",
        "python": platform.python_version(),
        "repeat": repeat,
        "load before": round(os.getloadavg()[0], 1),
    }


def table(document: Mapping[str, Any]) -> str:
    """Give the table in Markdown."""
    lines = []
    for app, cases in document["applications"].items():
        lines += [f"### Application {app}", "", *_HEADINGS]
        lines += [_row(case, cases[case]) for case in CASES if case in cases]
        start = document["start-up"].get(app, {})
        if start:
            ours, baseline = start.get(OURS, 0.0), start.get(BASELINE, 0.0)
            lines += ["", f"Start-up (import of the application): {ours:.2f} s; baseline {baseline:.2f} s."]
        if floor := cases.get("hot", {}).get(FLOOR):
            lines += ["", f"A buildpack that does nothing: {floor['median']['whole']:.2f} s."]
        lines.append("")
    return "\n".join(lines)


_HEADINGS = (
    "| case | whole (s) | baseline | ratio | phases | baseline | written (MB) | baseline | pushed (MB) | baseline |",
    "| --- | ---: | ---: | ---: | --- | --- | ---: | ---: | ---: | ---: |",
)


def _row(case: str, contenders: Mapping[str, Any]) -> str:
    ours, baseline = (contenders[name]["median"] for name in (OURS, BASELINE))
    cells = [
        case,
        f"{ours['whole']:.2f}",
        f"{baseline['whole']:.2f}",
        f"{baseline['whole'] / ours['whole']:.1f}",
        _phases(ours),
        _phases(baseline),
        *(f"{row['written'] / _MEGA:.1f}" for row in (ours, baseline)),
        *(f"{row['pushed'] / _MEGA:.2f}" for row in (ours, baseline)),
    ]
    return f"| {' | '.join(cells)} |"


def _phases(row: Mapping[str, float]) -> str:
    return ", ".join(f"{row[phase]:.2f}" for phase in ("restore", "build", "export"))
