"""The build plan that detect writes."""

from __future__ import annotations

from cnb import toml
from cnb.plan import BuildPlan, PlanOption, Require


def test_an_empty_plan_is_an_empty_document() -> None:
    assert BuildPlan().document() == {}


def test_what_is_provided_and_required_is_written() -> None:
    plan = BuildPlan(provides=("python",), requires=(Require("python", {"version": "3.13"}), Require("uv")))
    assert plan.document() == {
        "provides": [{"name": "python"}],
        "requires": [{"name": "python", "metadata": {"version": "3.13"}}, {"name": "uv"}],
    }


def test_alternatives_are_written_as_or() -> None:
    plan = BuildPlan(
        provides=("python",),
        alternatives=(PlanOption(provides=("python", "pip")), PlanOption(requires=(Require("uv"),))),
    )
    assert plan.document()["or"] == [
        {"provides": [{"name": "python"}, {"name": "pip"}]},
        {"requires": [{"name": "uv"}]},
    ]


def test_a_plan_survives_being_written_and_read() -> None:
    plan = BuildPlan(provides=("a",), alternatives=(PlanOption(requires=(Require("b", {"build": True}),)),))
    assert toml.loads(toml.dumps(plan.document())) == plan.document()
