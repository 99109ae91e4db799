"""The process types of every image: `python`, and `test` in images for tests."""

from __future__ import annotations

import pytest

from cnb.launch import Process
from uv_buildpack.processes.beside import processes_beside

PYTHON = Process(type="python", command=("python",), working_directory="/workspace/backend")


def test_every_image_has_the_interpreter_in_the_projects_directory() -> None:
    (beside,) = processes_beside((), "/workspace/backend", "production", {"pytest": "8.4"})
    assert beside.process == PYTHON
    assert beside.process.default is False


@pytest.mark.parametrize(
    ("installed", "command"),
    [
        ({"pytest": "8.4"}, ("python", "-m", "pytest")),
        ({"pytest-django": "4.1"}, ("python", "-m", "unittest")),
    ],
)
def test_an_image_for_tests_has_a_process_that_runs_them(installed: dict[str, str], command: tuple[str, ...]) -> None:
    found = processes_beside(("web",), None, "test", installed)
    assert [beside.process.type for beside in found] == ["python", "test"]
    assert found[1].process.command == command
    assert found[1].process.default is False


def test_what_the_project_defines_itself_is_not_added() -> None:
    assert processes_beside(("python", "test"), None, "test", {}) == ()
