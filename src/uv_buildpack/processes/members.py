"""What a workspace starts of which several members are installed: what each of them is, if no two are the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from uv_buildpack.processes import plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.configuration import Configuration
    from uv_buildpack.processes.inference import AppFacts
    from uv_buildpack.processes.plan import ProcessPlan


def plan_members(
    root: ProcessPlan, members: Mapping[str, AppFacts], configuration: Configuration, app_dir: Path
) -> ProcessPlan:
    """Return what the members (name → facts) of a root that starts nothing do, as far as no two start the same.

    Each starts in its member's directory. What the configuration sets as the default has to be one of all types:
    `plan.decided` says so afterwards. Raises `Problems`, `OSError`.
    """
    own = replace(configuration, default_process=None)
    return _together(root, {name: plan.plan_app(facts, own, app_dir) for name, facts in members.items()})


def _together(root: ProcessPlan, plans: Mapping[str, ProcessPlan]) -> ProcessPlan:
    times = Counter(process.type for each in plans.values() for process in each.processes)
    several = {process_type for process_type, count in times.items() if count > 1}
    found = [(each, process) for each in plans.values() for process in each.processes if process.type not in several]
    return replace(
        root,
        processes=tuple(replace(process, default=False) for _, process in found),
        evidence={process.type: each.evidence[process.type] for each, process in found},
        warnings=_distinct(plans, "warnings"),
        considered=(*_choices(plans, several), *_distinct(plans, "considered")),
        suggestion=next((each.suggestion for each in plans.values() if each.suggestion), root.suggestion),
        undecided="web" in several or any(each.undecided for each in plans.values()),
        variables={name: value for each in plans.values() for name, value in each.variables.items()},
        one_worker={
            process.type: each.one_worker[process.type] for each, process in found if process.type in each.one_worker
        },
    )


def _choices(plans: Mapping[str, ProcessPlan], several: set[str]) -> list[str]:
    """Return a line for each type that more than one member has."""
    lines = []
    for name, each in plans.items():
        for process in each.processes:
            if process.type in several:
                place = f"{each.evidence[process.type][0]}, `{process.type}` of {name}, one of several"
                lines.append(f"{place} (BP_UV_PACKAGE={name} chooses it): {plan.shown(process)}")
    return lines


def _distinct(plans: Mapping[str, ProcessPlan], field: str) -> tuple[str, ...]:
    lines: Sequence[str] = [f"{name}: {line}" for name, each in plans.items() for line in getattr(each, field)]
    return tuple(dict.fromkeys(lines))
