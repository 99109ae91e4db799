"""Many inputs in several processes, and what came of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
_BATCH = 250


@dataclass(slots=True)
class Report:
    """What came of the inputs of a seed."""

    seed: int
    inputs: int
    statuses: Counter[str] = field(default_factory=Counter)
    """`build 1` → how often."""
    crashes: list[dict[str, Any]] = field(default_factory=list)
    slowest: float = 0
    """Seconds of a phase."""
    peak: float = 0
    """Megabytes of a process that ran a batch of inputs."""

    def kinds(self) -> list[list[dict[str, Any]]]:
        """Return the crashes by the last place of their tracebacks."""
        found: dict[str, list[dict[str, Any]]] = {}
        for crash in self.crashes:
            places = [line for line in crash["said"].splitlines() if line.lstrip().startswith("File ")]
            found.setdefault(places[-1] if places else crash["said"][-200:], []).append(crash)
        return list(found.values())

    def __str__(self) -> str:
        """Return the figures in a line."""
        counts = ", ".join(f"{name}: {count}" for name, count in sorted(self.statuses.items()))
        return (
            f"seed {self.seed}, {self.inputs} inputs; exit statuses {counts}; {len(self.crashes)} crashes; "
            f"slowest {self.slowest:.1f} s, peak memory {self.peak:.0f} MB"
        )


def fuzz(seed: int, inputs: int, *, first: int = 0, processes: int = 2) -> Report:
    """Run the inputs of a seed from `first` on."""
    report = Report(seed, inputs)
    batches = [(number, min(_BATCH, first + inputs - number)) for number in range(first, first + inputs, _BATCH)]
    with ThreadPoolExecutor(processes) as pool:
        for rows in pool.map(lambda batch: _batch(seed, *batch), batches):
            for row in rows:
                _count(report, row)
    return report


def _batch(seed: int, first: int, count: int) -> list[dict[str, Any]]:
    arguments = ["--seed", str(seed), "--first", str(first), "--count", str(count)]
    done = subprocess.run(
        [sys.executable, "-m", "integration.fuzz.worker", *arguments],
        cwd=REPOSITORY,
        env={"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'src'}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode or not rows or "peak" not in rows[-1]:
        number = rows[-1]["number"] if rows else first
        said = f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
        rows.append({"number": number, "phase": "process", "status": 2, "changes": [], "seconds": 0, "said": said})
    return rows


def _count(report: Report, row: dict[str, Any]) -> None:
    if "peak" in row:
        report.peak = max(report.peak, row["peak"])
        return
    report.statuses[f"{row['phase']} {row['status']}"] += 1
    report.slowest = max(report.slowest, row["seconds"])
    if row["status"] not in {0, 1, 100}:
        report.crashes.append(row)
