"""Every tree of the corpus starts what it should: a wrong process is worse than none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.processes.inference.corpus_cases import Case, cases, started, words

if TYPE_CHECKING:
    from pathlib import Path

CASES = cases()


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(CASES) >= 80
    assert len({(case.family, case.title) for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.family}: {case.title}")
def test_what_the_project_is_gets_started(tmp_path: Path, case: Case) -> None:
    plan = case.plan(tmp_path)
    assert started(plan) == case.expected, words(plan)
    elsewhere = str(tmp_path / case.directory) if case.directory else None
    assert {one.working_directory for one in plan.processes if one.type not in case.scripts} <= {elsewhere}
    for text in case.says:
        assert text in words(plan)
