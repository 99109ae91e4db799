"""The table of the results, in Markdown."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from measure.measurements import ALONE, APPS, BASELINE, CASES, FLOOR, HOT, MEASUREMENTS, OURS, PARTS, START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from measure.results import Results

_MEGA = 1e6
_COLUMNS = (
    "case",
    "n",
    "whole (s)",
    "baseline",
    "ratio",
    "phases",
    "baseline",
    *("written (MB)", "baseline"),
    *("pushed (MB)", "baseline"),
    *("compiled", "baseline"),
)
_HEADINGS = (f"| {' | '.join(_COLUMNS)} |", "| --- |" + " ---: |" * (len(_COLUMNS) - 1))


def table(results: Results) -> str:
    """Return the table of each application that was measured."""
    return "\n".join(line for app in APPS if app in results.applications for line in _application(results, app))


def _application(results: Results, app: str) -> Iterator[str]:
    yield from (f"### Application {app}", "")
    cases = [case for case in CASES if results.samples(app, case, OURS)]
    if cases:
        yield from (*_HEADINGS, *(_row(results, app, case) for case in cases), "")
    floor = results.median(app, HOT, FLOOR, "whole")
    if floor is not None:
        yield from (f"A buildpack that does nothing: {floor:.2f} s.", "")
    yield from _start_up(results, app)
    if samples := results.samples(app, ALONE, ALONE):
        seconds = ", ".join(f"{part} {statistics.median(row[part] for row in samples):.2f} s" for part in PARTS)
        yield from (f"Parts of a cold build, each measured alone, n = {len(samples)}: {seconds}.", "")
    yield from _machines(results, app)


def _row(results: Results, app: str, case: str) -> str:
    def of(name: str, shown: Callable[[float], str]) -> Iterator[str]:
        for who in (OURS, BASELINE):
            value = results.median(app, case, who, name)
            yield "-" if value is None else shown(value)

    cells = [
        case,
        " / ".join(dict.fromkeys(str(len(results.samples(app, case, who))) for who in (OURS, BASELINE))),
        *of("whole", "{:.2f}".format),
        _ratio(results, app, case),
        *(_phases(results, app, case, who) for who in (OURS, BASELINE)),
        *of("written", lambda value: f"{value / _MEGA:.1f}"),
        *of("pushed", lambda value: f"{value / _MEGA:.2f}"),
        *of("compiled", "{:.0f}".format),
    ]
    return f"| {' | '.join(cells)} |"


def _ratio(results: Results, app: str, case: str) -> str:
    ours, baseline = (results.median(app, case, who, "whole") for who in (OURS, BASELINE))
    return f"{baseline / ours:.1f}" if ours and baseline else "-"


def _phases(results: Results, app: str, case: str, who: str) -> str:
    """Return restore, build, export; the lifecycle's creator does not tell them apart."""
    phases = [results.median(app, case, who, phase) or 0.0 for phase in ("restore", "build", "export")]
    return ", ".join(f"{seconds:.2f}" for seconds in phases) if any(phases) else "-"


def _start_up(results: Results, app: str) -> Iterator[str]:
    if not results.samples(app, START, OURS):
        return
    told = [
        f"{results.median(app, START, who, 'seconds') or 0:.3f} s ({who}; of {row['modules']} modules "
        f"{row['uncompiled']} without valid bytecode)"
        for who in (OURS, BASELINE)
        for row in results.samples(app, START, who)[:1]
    ]
    count = len(results.samples(app, START, OURS))
    where = results.about(app, START)["place"]
    yield from (f"Start-up, the import of the application in {where}, n = {count}: {', '.join(told)}.", "")


def _machines(results: Results, app: str) -> Iterator[str]:
    """Return on what each measurement was made, those of one run together."""
    runs: dict[str, list[str]] = {}
    for measurement in MEASUREMENTS:
        if about := results.about(app, measurement):
            facts: Sequence[tuple[str, Any]] = [item for item in about.items() if item[0] != "place"]
            text = ", ".join(f"{name}: {value}" for name, value in facts)
            runs.setdefault(text, []).append(measurement)
    for text, measurements in runs.items():
        which = "" if len(runs) == 1 else f" ({'; '.join(measurements)})"
        yield from (f"Measured with {text}{which}.", "")
