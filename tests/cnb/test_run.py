"""Exit codes, and when something is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.cnb.contexts import variables

from cnb import toml
from cnb.plan import BuildPlan
from cnb.result import BuildResult
from cnb.run import EXIT_NOT_DETECTED, EXIT_OK, NotDetected, run_build, run_detect

if TYPE_CHECKING:
    from pathlib import Path

    from cnb.context import BuildContext
    from cnb.detection import DetectContext


def detected(root: Path, outcome: BuildPlan | NotDetected, said: list[str]) -> int:
    environment = {
        "CNB_PLATFORM_DIR": str(root / "platform"),
        "CNB_BUILD_PLAN_PATH": str(root / "plan.toml"),
        "CNB_BUILDPACK_DIR": str(root),
    }

    def detect(_: DetectContext) -> BuildPlan | NotDetected:
        return outcome

    return run_detect(detect, (), environment, root, said.append)


def test_a_detection_that_passes_writes_its_plan(tmp_path: Path) -> None:
    said: list[str] = []
    assert detected(tmp_path, BuildPlan(provides=("python",)), said) == EXIT_OK == 0
    assert toml.load(tmp_path / "plan.toml") == {"provides": [{"name": "python"}]}
    assert said == []


def test_a_detection_that_passes_with_an_empty_plan_writes_nothing(tmp_path: Path) -> None:
    assert detected(tmp_path, BuildPlan(), []) == 0
    assert not (tmp_path / "plan.toml").exists()


def test_a_detection_that_does_not_pass_says_why_and_exits_with_100(tmp_path: Path) -> None:
    said: list[str] = []
    assert detected(tmp_path, NotDetected("No uv.lock."), said) == EXIT_NOT_DETECTED == 100
    assert said == ["No uv.lock."]
    assert not (tmp_path / "plan.toml").exists()


def test_a_build_that_works_is_written(tmp_path: Path) -> None:
    def build(_: BuildContext) -> BuildResult:
        return BuildResult(store={"seen": "yes"})

    assert run_build(build, (), variables(tmp_path), tmp_path) == 0
    assert toml.load(tmp_path / "layers" / "store.toml") == {"metadata": {"seen": "yes"}}


def test_a_build_that_fails_writes_nothing(tmp_path: Path) -> None:
    environment = variables(tmp_path)
    (tmp_path / "layers" / "old.toml").write_text("")

    def build(_: BuildContext) -> BuildResult:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_build(build, (), environment, tmp_path)
    assert [path.name for path in (tmp_path / "layers").iterdir()] == ["old.toml"]
