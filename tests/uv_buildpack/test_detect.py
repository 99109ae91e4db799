"""Detection: what passes, what is said otherwise, and how little is imported for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import PROJECT, plant

from cnb import toml
from cnb.detection import DetectContext
from cnb.plan import BuildPlan
from cnb.run import NotDetected
from uv_buildpack.detect import detect

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_A_PROJECT = "not a uv project. If it is in a workspace root above, make that the app directory."
SRC = Path(__file__).parents[2] / "src"
NOT_FOR_DETECT = {"httpx", "structlog", "packaging", "tomli", "uv_buildpack.errors", "uv_buildpack.log", "asyncio"}


def outcome(app_dir: Path, environment: Mapping[str, str] | None = None) -> BuildPlan | NotDetected:
    return detect(
        DetectContext(
            app_dir=app_dir,
            platform_dir=app_dir / "platform",
            plan_path=app_dir / "plan",
            environment=environment or {},
            buildpack_dir=app_dir,
        )
    )


def reason(app_dir: Path, environment: Mapping[str, str] | None = None) -> str:
    refused = outcome(app_dir, environment)
    assert isinstance(refused, NotDetected)
    assert "\n" not in refused.reason
    return refused.reason


def test_a_project_with_its_lock_passes_and_provides_and_requires_three_things(tmp_path: Path) -> None:
    plan = outcome(plant(tmp_path, PROJECT))
    assert isinstance(plan, BuildPlan)
    names = [{"name": "python"}, {"name": "uv"}, {"name": "venv"}]
    assert plan.document() == {"provides": names, "requires": names}


def test_files_that_are_no_toml_pass_because_build_says_what_is_wrong(tmp_path: Path) -> None:
    assert isinstance(outcome(plant(tmp_path, {"pyproject.toml": "[", "uv.lock": "["})), BuildPlan)


def test_a_project_in_a_subdirectory_passes(tmp_path: Path) -> None:
    plant(tmp_path / "services" / "api", PROJECT)
    assert isinstance(outcome(tmp_path, {"BP_UV_PROJECT_DIR": "services/api"}), BuildPlan)


def test_a_member_passes_with_the_lock_of_the_workspace_root_above(tmp_path: Path) -> None:
    plant(tmp_path, {**PROJECT, "services/api/pyproject.toml": ""})
    assert isinstance(outcome(tmp_path, {"BP_UV_PROJECT_DIR": "services/api"}), BuildPlan)


def test_a_lock_above_that_has_no_project_beside_it_does_not_count(tmp_path: Path) -> None:
    plant(tmp_path, {"uv.lock": "", "api/pyproject.toml": ""})
    assert reason(tmp_path, {"BP_UV_PROJECT_DIR": "api"}) == f"No uv.lock in api: {NOT_A_PROJECT}"


def test_a_lock_above_the_app_directory_does_not_count(tmp_path: Path) -> None:
    plant(tmp_path, {**PROJECT, "app/pyproject.toml": ""})
    assert reason(tmp_path / "app") == f"No uv.lock: {NOT_A_PROJECT}"


def test_a_directory_without_a_project_says_so(tmp_path: Path) -> None:
    assert reason(tmp_path) == "No pyproject.toml: not a uv project."
    assert reason(tmp_path, {"BP_UV_PROJECT_DIR": "api"}) == "No pyproject.toml in api: not a uv project."


SCRIPT = {"app.py": "", "app.py.lock": ""}


@pytest.mark.parametrize(
    "files", [SCRIPT, {"pylock.toml": ""}, {"pylock.toml": "", "pyproject.toml": ""}, {**SCRIPT, "job.py.lock": ""}]
)
def test_a_script_with_its_lock_and_a_pylock_pass(tmp_path: Path, files: dict[str, str]) -> None:
    assert isinstance(outcome(plant(tmp_path, files)), BuildPlan)
    assert isinstance(outcome(plant(tmp_path / "api", files), {}), BuildPlan)


def test_a_script_without_its_lock_does_not_pass(tmp_path: Path) -> None:
    assert reason(plant(tmp_path, {"app.py": "", "job.py.lock": ""})) == "No pyproject.toml: not a uv project."


def test_a_script_beside_a_project_has_to_be_chosen(tmp_path: Path) -> None:
    plant(tmp_path, {**SCRIPT, "pyproject.toml": ""})
    assert reason(tmp_path) == ("No uv.lock, but a script with its lock: set BP_UV_SCRIPT to the name of the script.")
    assert isinstance(outcome(tmp_path, {"BP_UV_SCRIPT": "app.py"}), BuildPlan)


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("app.py", "app.py.lock is missing: run `uv lock --script app.py` and commit it."),
        ("job.py", "there is no such file."),
        ("../app.py", " is outside the app directory."),
    ],
)
def test_a_chosen_script_that_cannot_be_built_is_named(tmp_path: Path, name: str, refused: str) -> None:
    app_dir = plant(tmp_path / "app", {"app.py": "", **PROJECT})
    assert reason(app_dir, {"BP_UV_SCRIPT": name}).endswith(refused)
    assert f"BP_UV_SCRIPT={name}" in reason(app_dir, {"BP_UV_SCRIPT": name})


def test_a_project_of_another_tool_says_so(tmp_path: Path) -> None:
    plant(tmp_path, {"pyproject.toml": "[tool.poetry]\n[tool.uv-buildpack]\n"})
    assert reason(tmp_path) == f"No uv.lock: {NOT_A_PROJECT}"


@pytest.mark.parametrize("table", ["[tool.uv]", "[[tool.uv.index]]", '[ tool . "uv" ]', "[tool.uv.sources]"])
def test_a_project_that_configures_uv_is_told_to_lock(tmp_path: Path, table: str) -> None:
    plant(tmp_path, {"pyproject.toml": f'[project]\nname = "shop"\n{table}\n'})
    assert reason(tmp_path) == "pyproject.toml configures uv, but uv.lock is missing: run `uv lock` and commit it."


def test_a_project_in_a_subdirectory_that_configures_uv_is_named(tmp_path: Path) -> None:
    plant(tmp_path, {"api/pyproject.toml": "[tool.uv]\n"})
    assert "pyproject.toml in api configures uv" in reason(tmp_path, {"BP_UV_PROJECT_DIR": "api"})


@pytest.mark.parametrize("value", ["..", "../elsewhere", "/etc"])
def test_a_project_directory_outside_the_app_does_not_pass(tmp_path: Path, value: str) -> None:
    app_dir = plant(tmp_path / "app", PROJECT)
    assert reason(app_dir, {"BP_UV_PROJECT_DIR": value}) == f"BP_UV_PROJECT_DIR={value} is outside the app directory."


def test_a_link_that_leads_out_of_the_app_does_not_pass(tmp_path: Path) -> None:
    plant(tmp_path / "elsewhere", PROJECT)
    app_dir = plant(tmp_path / "app", {"README": ""})
    (app_dir / "api").symlink_to(tmp_path / "elsewhere")
    assert "is outside the app directory" in reason(app_dir, {"BP_UV_PROJECT_DIR": "api"})


def run(app_dir: Path, code: str) -> subprocess.CompletedProcess[str]:
    (app_dir / "platform").mkdir()
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=app_dir,
        env={
            "CNB_PLATFORM_DIR": str(app_dir / "platform"),
            "CNB_BUILD_PLAN_PATH": str(app_dir / "plan.toml"),
            "CNB_BUILDPACK_DIR": str(app_dir),
            "PYTHONPATH": str(SRC),
        },
        capture_output=True,
        text=True,
        check=False,
    )


# What is imported before the entry point runs (coverage, when it measures) is not detect's doing.
IMPORTS = """
import sys
before = set(sys.modules)
sys.argv = ["bin/detect", "detect"]
from uv_buildpack.__main__ import main
code = main()
print(*sorted(set(sys.modules) - before))
sys.exit(code)
"""


@pytest.mark.parametrize(("files", "code"), [({}, 100), ({"pyproject.toml": "[tool.uv]"}, 100)])
def test_a_detection_that_does_not_pass_imports_little(tmp_path: Path, files: dict[str, str], code: int) -> None:
    done = run(plant(tmp_path, files), IMPORTS)
    assert done.returncode == code, done.stderr
    assert set(done.stdout.splitlines()[-1].split()) & NOT_FOR_DETECT <= {"tomli"}


def test_a_detection_that_passes_imports_little_more(tmp_path: Path) -> None:
    done = run(plant(tmp_path, PROJECT), IMPORTS)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) & NOT_FOR_DETECT <= {"tomli"}
    assert "provides" in toml.load(tmp_path / "plan.toml")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_directory_that_cannot_be_looked_for_is_no_project(tmp_path: Path, name: str) -> None:
    assert reason(plant(tmp_path, PROJECT), {"BP_UV_PROJECT_DIR": name}).startswith(
        f"BP_UV_PROJECT_DIR={name[:80]!r} cannot be read"
    )
