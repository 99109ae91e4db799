"""The goals that the project set itself, beside what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from measure.measurements import (
    ALONE,
    APPS,
    BASELINE,
    CHANGED,
    COLD,
    COMPILE,
    FLOOR,
    HOT,
    LIBRARY,
    OURS,
    PACKAGED,
    START,
    SYNC,
    TAG,
    UNPACK,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure.results import Results

_NOISE = 1.05
"""Two equal programs differ by this much from one run to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure and its limit; `figure` is None where it was not measured."""

    what: str
    figure: float | None
    limit: float
    shown: str = "{:.2f}"
    at_least: bool = False
    platform: str = ""

    @property
    def verdict(self) -> str:
        """Whether it was met."""
        if self.figure is None:
            return "not measured"
        met = self.figure >= self.limit if self.at_least else self.figure <= self.limit
        return "met" if met else "**missed**"

    @property
    def row(self) -> str:
        """Return the row of the table."""
        figure = "-" if self.figure is None else self.shown.format(self.figure)
        sign = "≥" if self.at_least else "≤"
        limit = self.shown.format(self.limit)
        return f"| {self.what} | {figure} | {sign} {limit} | {self.verdict} | {self.platform or '-'} |"


def table(results: Results) -> str:
    """Return all goals in Markdown."""
    headings = ["| goal | measured | limit | | platform |", "| --- | ---: | ---: | --- | --- |"]
    return "\n".join([*headings, *(goal.row for goal in goals(results))]) + "\n"


def goals(results: Results) -> list[Goal]:
    """Compare the medians with the goals."""
    return [
        *_hot(results),
        *_packaged(results),
        *_changed(results),
        _against_baseline(results, "F", TAG, 0.5),
        _against_baseline(results, "F", COLD, 1.0),
        _cold_against_parts(results, "F"),
        *_start_up(results),
    ]


def _whole(results: Results, app: str, case: str, who: str = OURS) -> float | None:
    return results.median(app, case, who, "whole")


def _ratio(value: float | None, to: float | None) -> float | None:
    return value / to if value is not None and to else None


def _platform(results: Results, app: str, case: str) -> str:
    return str(results.about(app, case).get("platform", ""))


def _against_baseline(results: Results, app: str, case: str, limit: float, phase: str = "whole") -> Goal:
    ours, baseline = (results.median(app, case, who, phase) for who in (OURS, BASELINE))
    what = "whole run" if phase == "whole" else f"{phase} phase"
    return Goal(
        what=f"{case}, {app}: {what} ÷ the baseline's",
        figure=_ratio(ours, baseline),
        limit=limit,
        platform=_platform(results, app, case),
    )


def _hot(results: Results) -> Iterator[Goal]:
    for app in _measured(results, HOT):
        ours, baseline, floor = (_whole(results, app, HOT, who) for who in (OURS, BASELINE, FLOOR))
        where = _platform(results, app, HOT)
        above = ours - floor if ours is not None and floor is not None else None
        yield Goal(what=f"hot, {app}: above the floor", figure=above, limit=0.5, shown="{:.2f} s", platform=where)
        times = _ratio(baseline, ours)
        what = f"hot, {app}: times faster than the baseline"
        yield Goal(what=what, figure=times, limit=15, shown="{:.1f}", at_least=True, platform=where)
    large = _ratio(_whole(results, "large", HOT), _whole(results, "small", HOT))
    yield Goal(what="hot: large ÷ small", figure=large, limit=1.5, platform=_platform(results, "large", HOT))


def _packaged(results: Results) -> Iterator[Goal]:
    for app in _measured(results, PACKAGED):
        where = _platform(results, app, PACKAGED)
        ratio = _ratio(_whole(results, app, PACKAGED), _whole(results, app, HOT))
        yield Goal(what=f"{PACKAGED}, {app}: ÷ hot", figure=ratio, limit=1.5, platform=where)
        samples = results.samples(app, PACKAGED, OURS)
        changed = max((len(_dependency_layers(row["changed"])) for row in samples), default=None)
        what = f"{PACKAGED}, {app}: dependency layers that changed"
        yield Goal(what=what, figure=changed, limit=0, shown="{:.0f}", platform=where)


def _dependency_layers(changed: list[str]) -> list[str]:
    names = [name.rpartition(":")[2] for name in changed]
    return [name for name in names if name in {"python", "venv"} or name.startswith("packages-")]


def _changed(results: Results) -> Iterator[Goal]:
    yield _against_baseline(results, "F", CHANGED, 1 / 3, "build")
    compiled, installed = (results.median("F", CHANGED, OURS, name) for name in ("compiled", "installed"))
    yield Goal(
        what=f"{CHANGED}, F: modules compiled ÷ modules of the package",
        figure=_ratio(compiled, installed),
        limit=1,
        platform=_platform(results, "F", CHANGED),
    )
    yield _against_baseline(results, "large", CHANGED, 0.1)
    # Forth and back differ by a few bytes: the most that was ever pushed.
    shares = [100 * row["pushed"] / row["image"] for row in results.samples("large", CHANGED, OURS)]
    yield Goal(
        what=f"{CHANGED}, large: pushed, of the image",
        figure=max(shares, default=None),
        limit=5,
        shown="{:.1f} %",
        platform=_platform(results, "large", CHANGED),
    )


def chain(results: Results, app: str) -> float | None:
    """Return the seconds of the longest chain of a cold build's unavoidable parts, or `None`.

    Unpack the interpreter; install packages with it, the standard library compiled meanwhile; compile them; export.
    """
    parts = {part: results.median(app, ALONE, ALONE, part) for part in (UNPACK, LIBRARY, SYNC, COMPILE)}
    export = results.median(app, COLD, OURS, "export")
    found = {name: seconds for name, seconds in parts.items() if seconds is not None}
    if len(found) < len(parts) or not export:
        return None
    return found[UNPACK] + max(found[LIBRARY], found[SYNC]) + found[COMPILE] + export


def _cold_against_parts(results: Results, app: str) -> Goal:
    return Goal(
        what=f"{COLD}, {app}: whole run ÷ the longest chain of its parts",
        figure=_ratio(_whole(results, app, COLD), chain(results, app)),
        limit=1.25,
        platform=_platform(results, app, COLD),
    )


def _start_up(results: Results) -> Iterator[Goal]:
    for app in _measured(results, START):
        where = str(results.about(app, START)["place"])
        ours, baseline = (results.median(app, START, who, "seconds") for who in (OURS, BASELINE))
        yield Goal(
            what=f"start-up, {app}: ÷ the baseline's", figure=_ratio(ours, baseline), limit=_NOISE, platform=where
        )
        uncompiled = results.median(app, START, OURS, "uncompiled")
        what = f"start-up, {app}: modules of the layers without valid bytecode"
        yield Goal(what=what, figure=uncompiled, limit=0, shown="{:.0f}", platform=where)


def _measured(results: Results, measurement: str) -> list[str]:
    return [app for app in APPS if results.samples(app, measurement, OURS)]
