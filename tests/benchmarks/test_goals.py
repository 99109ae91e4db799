"""Which goals figures meet, and what a page shows of them."""

from __future__ import annotations

from typing import Any

import pytest

from measure import goals
from measure.page import between
from measure.report import table
from measure.results import Results

LAYER = "uv-buildpack/python:"


def sample(whole: float, **other: Any) -> dict[str, Any]:  # noqa: ANN401 (figures and names)
    phases = {"restore": 0.0, "build": whole, "export": 0.0}
    return {"whole": whole, **phases, "written": 1, "pushed": 0, "image": 100, "changed": ()} | other


def measured(*, platform: str = "embedded platform", **samples: list[dict[str, Any]]) -> dict[str, Any]:
    names = {"ours": "uv-buildpack", "baseline": "baseline", "floor": "floor", "parts": "parts"}
    return {
        "about": {"platform": platform, "commit": "abc", "place": "a container"},
        "samples": {names[who]: rows for who, rows in samples.items()},
    }


def verdicts(**applications: dict[str, Any]) -> dict[str, str]:
    return {goal.what: goal.verdict for goal in goals.goals(Results(applications))}


def test_nothing_measured_meets_nothing() -> None:
    assert set(verdicts().values()) == {"not measured"}


def test_a_hot_build_is_compared_with_the_floor_and_the_baseline() -> None:
    hot = measured(ours=[sample(0.4)], baseline=[sample(5.0)], floor=[sample(0.02)])
    found = verdicts(small={"hot": hot})
    assert found["hot, small: above the floor"] == "met"
    assert found["hot, small: times faster than the baseline"] == "**missed**"


def test_a_dependency_layer_that_changes_in_one_of_many_edits_is_a_miss() -> None:
    edits = [sample(0.3, changed=["app 1"]), sample(0.3, changed=["app 1", f"{LAYER}packages-numpy"])]
    found = verdicts(F={"source edit, packaged": measured(ours=edits), "hot": measured(ours=[sample(0.3)])})
    assert found["source edit, packaged, F: dependency layers that changed"] == "**missed**"
    assert found["source edit, packaged, F: ÷ hot"] == "met"


def test_the_project_s_own_layer_is_no_dependency_layer() -> None:
    edits = measured(ours=[sample(0.3, changed=["app 1", f"{LAYER}venv-project"])])
    what = "source edit, packaged, F: dependency layers that changed"
    assert verdicts(F={"source edit, packaged": edits})[what] == "met"


def test_the_most_that_a_light_change_pushed_counts() -> None:
    rows = [sample(3.0, pushed=1), sample(3.0, pushed=6), sample(3.0, pushed=1)]
    changed = measured(ours=rows, baseline=[sample(40.0)])
    found = verdicts(large={"one dependency changed": changed})
    assert found["one dependency changed, large: pushed, of the image"] == "**missed**"
    assert found["one dependency changed, large: whole run ÷ the baseline's"] == "met"


def test_installing_and_the_standard_library_are_one_link_of_the_longest_chain() -> None:
    alone = {"unpack": 1.0, "standard library": 2.0, "sync": 3.0, "compile": 4.0}
    cold = measured(ours=[sample(12.0, export=1.5)])
    results = Results({"F": {"parts": measured(parts=[alone]), "cold": cold}})
    assert goals.chain(results, "F") == pytest.approx(1.0 + 3.0 + 4.0 + 1.5)


def test_without_an_export_phase_of_its_own_there_is_no_chain() -> None:
    alone = {"unpack": 1.0, "standard library": 2.0, "sync": 3.0, "compile": 4.0}
    cold = measured(ours=[sample(12.0)], platform="lifecycle")
    assert goals.chain(Results({"F": {"parts": measured(parts=[alone]), "cold": cold}}), "F") is None


def test_a_goal_names_the_platform_that_it_was_measured_on() -> None:
    hot = measured(ours=[sample(0.4)], platform="lifecycle")
    row = next(line for line in goals.table(Results({"small": {"hot": hot}})).splitlines() if "hot, small" in line)
    assert row.endswith("| lifecycle |")


def test_a_row_tells_how_many_builds_there_were_and_each_run_its_machine() -> None:
    hot = measured(ours=[sample(0.4)] * 3, baseline=[sample(4.0)] * 3)
    cold = measured(ours=[sample(8.0)], baseline=[sample(8.0)]) | {"about": {"commit": "older"}}
    text = table(Results({"F": {"hot": hot, "cold": cold}}))
    assert "| hot | 3 | 0.40 | 4.00 | 10.0 |" in text
    assert "| cold | 1 | 8.00 | 8.00 | 1.0 |" in text
    assert "Measured with commit: older (cold)." in text


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = "Ours.\n<!-- goals: begin -->\nold\n<!-- goals: end -->\nOurs as well.\n"
    assert between(page, "goals", "new\n") == page.replace("old", "new")


def test_a_page_without_markers_is_an_error() -> None:
    with pytest.raises(ValueError, match="no markers for goals"):
        between("<!-- figures: begin -->\n<!-- figures: end -->", "goals", "new")
