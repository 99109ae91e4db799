"""Figures of a run, as SVG, and its table in the documentation."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure

from measure import goals, results
from measure.measurements import APPS, BASELINE, CASES, FLOOR, HOT, OURS
from measure.page import between
from measure.report import table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from measure.results import Results

_COLOURS = {OURS: "#2a6f97", BASELINE: "#c9a66b"}
_HEIGHT = 0.38


def main(repository: Path) -> int:
    """Draw and write; return the exit code."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else repository / "benchmarks" / "results.json"
    found = results.read(path)
    # The same file for the same figures.
    mpl.rcParams |= {"svg.hashsalt": "uv-buildpack", "font.family": "sans-serif", "svg.fonttype": "none"}
    drawn = [app for app in APPS if any(found.samples(app, case, OURS) for case in CASES)]
    for app in drawn:
        draw(found, app, repository / "docs" / f"performance-{app}.svg")
    pictures = "".join(f"![Application {app}](performance-{app}.svg)\n\n" for app in drawn)
    page = repository / "docs" / "performance.md"
    text = between(page.read_text(encoding="utf-8"), "figures", f"\n{pictures}{table(found)}")
    page.write_text(between(text, "goals", f"\n{goals.table(found)}\n"), encoding="utf-8")
    return 0


def draw(found: Results, app: str, target: Path) -> None:
    """Draw one bar for each case and contender; the floor is a line."""
    names = [case for case in CASES if found.samples(app, case, OURS)]
    figure = Figure(figsize=(8, 0.55 * len(names) + 1.4), layout="constrained")
    axes = figure.subplots()
    for offset, who in ((-_HEIGHT / 2, OURS), (_HEIGHT / 2, BASELINE)):
        values = [found.median(app, case, who, "whole") or 0.0 for case in names]
        places = [number + offset for number in range(len(names))]
        bars = axes.barh(places, values, _HEIGHT, label=who, color=_COLOURS[who])
        axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=2, fontsize=8)
    _floor(axes, found.median(app, HOT, FLOOR, "whole"))
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.08)
    axes.set_xlabel("seconds of the whole run, medians", fontsize=8)
    axes.set_title(f"Application {app}", fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


def _floor(axes: Axes, seconds: float | None) -> None:
    if seconds is not None:
        axes.axvline(seconds, color="#888888", linewidth=0.8, linestyle=":", label="platform alone")
