"""The entry point: exit codes, and what goes where."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.contexts import REPOSITORY, catalogue
from tests.uv_buildpack.error_docs import PAGE
from tests.uv_buildpack.trees import LOCK, PROJECT, PYPROJECT, plant

from cnb.context import read_buildpack

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BROKEN = {
    "pyproject.toml": PYPROJECT + "[tool.uv-buildpack]\nnonsense = 1\n",
    "uv.lock": LOCK,
    ".python-version": "pypy\n",
}


def run(
    root: Path, phase: str, files: Mapping[str, str], streams: str = "", **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a phase in an app of these files, as `bin/build` starts it; `streams` is what follows in the command line."""
    for name in ("layers", "platform"):
        (root / name).mkdir()
    plant(root, {"plan.toml": ""})
    environment = {
        "CNB_BUILDPACK_DIR": str(REPOSITORY),
        "CNB_PLATFORM_DIR": str(root / "platform"),
        "CNB_LAYERS_DIR": str(root / "layers"),
        "CNB_BP_PLAN_PATH": str(root / "plan.toml"),
        "CNB_BUILD_PLAN_PATH": str(root / "plan-out.toml"),
        "CNB_TARGET_OS": "linux",
        "CNB_TARGET_ARCH": "amd64",
        "BP_PYTHON_CATALOGUE": str(catalogue(root, "3.13.9")),
        "PYTHONPATH": str(REPOSITORY / "src"),
        "PATH": "/usr/bin:/bin",
        # Coverage of programs that tests start, when it is measured.
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
        **more,
    }
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -m uv_buildpack {phase} {streams}', sys.executable],
        cwd=plant(root / "app", files),
        env={name: value for name, value in environment.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )


def test_detection_says_why_it_does_not_pass_on_standard_output(tmp_path: Path) -> None:
    done = run(tmp_path, "detect", {"README": ""})
    assert (done.returncode, done.stdout, done.stderr) == (100, "No pyproject.toml: not a uv project.\n", "")


def test_detection_that_passes_is_silent(tmp_path: Path) -> None:
    done = run(tmp_path, "detect", PROJECT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "plan-out.toml").is_file()


def test_what_the_reader_can_mend_is_said_on_standard_error_all_at_once(tmp_path: Path) -> None:
    done = run(tmp_path, "build", BROKEN)
    assert done.returncode == 1
    assert done.stderr.count("\nerror: ") == 2
    assert f"more: {PAGE}#unknown-key" in done.stderr
    assert f"more: {PAGE}#python-implementation-unsupported" in done.stderr
    assert "Traceback" not in done.stderr
    assert "error" not in done.stdout


def test_an_error_links_to_the_page_of_its_own_version_below_the_homepage(tmp_path: Path) -> None:
    text = (REPOSITORY / "buildpack.toml").read_text(encoding="utf-8")
    text = re.sub("^homepage = .*$", 'homepage = "https://code.example/fork/"', text, flags=re.MULTILINE)
    text = re.sub("^version = .*$", 'version = "7.8.9"', text, flags=re.MULTILINE)
    fork = plant(tmp_path / "fork", {"buildpack.toml": text})
    done = run(tmp_path, "build", BROKEN, CNB_BUILDPACK_DIR=str(fork))
    assert "\n  more: https://code.example/fork/blob/v7.8.9/docs/errors.md#unknown-key\n" in done.stderr


def test_the_log_is_as_the_settings_say_however_they_are_spelled(tmp_path: Path) -> None:
    done = run(tmp_path, "build", BROKEN, BP_LOG_FORMAT="JSON", BP_LOG_LEVEL=" Debug ")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    version = read_buildpack(REPOSITORY).version
    assert events[0] == {"level": "info", "kind": "title", "event": f"uv buildpack {version}"}
    problems = [json.loads(line) for line in done.stderr.splitlines()]
    assert {problem["kind"] for problem in problems} == {"error"}


def test_a_format_that_is_none_is_an_error_in_text(tmp_path: Path) -> None:
    done = run(tmp_path, "build", PROJECT, BP_LOG_FORMAT="yaml")
    assert "error: BP_LOG_FORMAT cannot be 'yaml'." in done.stderr


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    run(tmp_path, "build", BROKEN)
    assert list((tmp_path / "layers").iterdir()) == []


def test_errors_may_be_json(tmp_path: Path) -> None:
    done = run(tmp_path, "build", BROKEN, BP_LOG_FORMAT="json")
    events = [json.loads(line) for line in done.stderr.splitlines()]
    assert [event["kind"] for event in events] == ["error", "error"]
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()][:2] == ["title", "heading"]


def test_a_fault_of_our_own_has_a_traceback_and_a_status_of_its_own(tmp_path: Path) -> None:
    done = run(tmp_path, "build", PROJECT, CNB_LAYERS_DIR="")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "CNB_LAYERS_DIR is not set" in done.stderr


@pytest.mark.parametrize("form", ["text", "json"])
def test_secrets_of_the_environment_are_not_printed(tmp_path: Path, form: str) -> None:
    text = '[project]\nname = "shop"\n# hunter2-token\nbroken = hunter2-token\n'
    done = run(
        tmp_path,
        "build",
        {**PROJECT, "pyproject.toml": text},
        BP_UV_NO_EDITABLE="hunter2-token",
        MY_TOKEN="hunter2-token",  # noqa: S106 (not a secret)
        BP_LOG_FORMAT=form,
    )
    assert done.returncode == 1
    assert "hunter2" not in done.stdout + done.stderr
    assert "****" in done.stderr


@pytest.mark.parametrize("umask", ["0077", "0022", "0000"])
def test_the_umask_of_the_platform_does_not_matter(tmp_path: Path, umask: str) -> None:
    program = "import os, sys\nos.umask(int(sys.argv[1], 8))\nsys.argv = ['x', 'detect']\n"
    program += "from uv_buildpack.__main__ import main\nmain()\nprint(oct(os.umask(0)))"
    (tmp_path / "app").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", program, umask],
        cwd=tmp_path / "app",
        env={
            "PYTHONPATH": str(REPOSITORY / "src"),
            "CNB_PLATFORM_DIR": "/nowhere",
            "CNB_BUILD_PLAN_PATH": "/nowhere",
            "CNB_BUILDPACK_DIR": "/nowhere",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "0o22"


@pytest.mark.parametrize(("closed", "where"), [("1>&-", "stderr"), ("2>&-", "stdout")])
def test_with_a_closed_stream_errors_are_on_the_other(tmp_path: Path, closed: str, where: str) -> None:
    done = run(tmp_path, "build", BROKEN, streams=closed)
    assert done.returncode == 1
    assert "error: 'nonsense' is not a key" in getattr(done, where)


@pytest.mark.parametrize("phase", ["build", "detect"])
def test_a_full_standard_output_is_named_and_no_fault_of_ours(tmp_path: Path, phase: str) -> None:
    done = run(tmp_path, phase, {"README": ""}, streams=">/dev/full")
    assert done.returncode == {"build": 1, "detect": 100}[phase]
    assert "Traceback" not in done.stderr
    assert phase == "detect" or "error: The log of the build cannot be written." in done.stderr


@pytest.mark.parametrize("streams", ["2>/dev/full", ">/dev/full 2>&1", "1>&- 2>&-"])
def test_where_nothing_can_be_said_the_status_is_that_of_the_error(tmp_path: Path, streams: str) -> None:
    assert run(tmp_path, "build", BROKEN, streams=streams).returncode == 1


def test_text_that_no_terminal_takes_is_escaped(tmp_path: Path) -> None:
    done = run(tmp_path, "build", BROKEN, BP_UV_PACKAGE="\udcff\x1b[31m", LC_ALL="C", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, "\x1b" in done.stderr) == (1, False)
