"""Figures of a run, as SVG, and its table in the documentation."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

from measure.cases import CASES
from measure.report import BASELINE, FLOOR, OURS, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

_COLOURS = {OURS: "#2a6f97", BASELINE: "#c9a66b"}
_HEIGHT = 0.38
_BLOCK = re.compile(r"(<!-- figures: begin -->\n).*(<!-- figures: end -->)", re.DOTALL)


def main(repository: Path) -> int:
    """Draw and write; give the exit code."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else repository / "benchmarks" / "results.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    # The same file for the same figures.
    mpl.rcParams |= {"svg.hashsalt": "uv-buildpack", "font.family": "sans-serif", "svg.fonttype": "none"}
    for app, cases in document["applications"].items():
        draw(f"Application {app}: seconds of the whole run", cases, repository / "docs" / f"performance-{app}.svg")
    page = repository / "docs" / "performance.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(_BLOCK.sub(lambda match: f"{match[1]}{_figures(document)}{match[2]}", text), encoding="utf-8")
    return 0


def draw(title: str, cases: Mapping[str, Any], target: Path) -> None:
    """Draw one bar for each case and contender; the floor is a line."""
    names = [case for case in CASES if case in cases]
    figure = Figure(figsize=(8, 0.55 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    for offset, contender in ((-_HEIGHT / 2, OURS), (_HEIGHT / 2, BASELINE)):
        values = [cases[case][contender]["median"]["whole"] for case in names]
        places = [number + offset for number in range(len(names))]
        bars = axes.barh(places, values, _HEIGHT, label=contender, color=_COLOURS[contender])
        axes.bar_label(bars, [f"{value:.1f}" for value in values], padding=2, fontsize=8)
    _floor(axes, cases)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


def _floor(axes: Axes, cases: Mapping[str, Any]) -> None:
    if floor := cases.get("hot", {}).get(FLOOR):
        axes.axvline(floor["median"]["whole"], color="#888888", linewidth=0.8, linestyle=":", label="platform alone")


def _figures(document: Mapping[str, Any]) -> str:
    about = document["about"]
    facts = ", ".join(f"{name}: {value}" for name, value in about.items())
    pictures = "".join(f"![Application {app}](performance-{app}.svg)\n\n" for app in document["applications"])
    return f"\n{facts}.\n\n{pictures}{table(document)}"
