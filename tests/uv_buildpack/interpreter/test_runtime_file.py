"""The warning about `runtime.txt`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.trees import PROJECT, plant

from uv_buildpack.interpreter import runtime_file
from uv_buildpack.project.files import read_project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

REASON = "newest for >=3.11 (requires-python in pyproject.toml)"


def said(app_dir: Path, files: Mapping[str, str], directory: str = ".") -> list[Any]:
    plant(app_dir, files)
    with capture_logs() as events:
        runtime_file.warn(read_project(app_dir, directory), "3.13.9", REASON)
    return [[event["event"], *event["advice"]] for event in events]


@pytest.mark.parametrize("text", ["python-3.11.9\n", "python-3.11.9", " python-3.11.9 \r\n"])
def test_it_names_what_decides_and_what_to_write(tmp_path: Path, text: str) -> None:
    assert said(tmp_path, {**PROJECT, "runtime.txt": text}) == [
        [
            f"runtime.txt (python-3.11.9) is not read. Python 3.13.9 was chosen: {REASON}.",
            "Write 3.11.9 into .python-version to choose that version, and delete runtime.txt.",
        ]
    ]


@pytest.mark.parametrize("text", ["", "pypy3.9-7.3.11\n", "python-3.11; rm -rf /\n", "\0" * 5000])
def test_whatever_is_in_it_does_no_harm(tmp_path: Path, text: str) -> None:
    ((what, advice),) = said(tmp_path, {**PROJECT, "runtime.txt": text})
    assert what.startswith("runtime.txt (not a version of Python) is not read")
    assert advice.startswith("Write 3.13.9 into .python-version")


def test_it_is_found_in_the_app_directory_of_a_project_below(tmp_path: Path) -> None:
    below = {f"backend/{name}": text for name, text in PROJECT.items()}
    assert said(tmp_path, {**below, "runtime.txt": "python-3.12"}, "backend")[0][0].startswith("runtime.txt (")
    assert said(tmp_path, {"backend/runtime.txt": "python-3.12"}, "backend")[0][0].startswith("backend/runtime.txt (")


def test_without_the_file_there_is_no_warning(tmp_path: Path) -> None:
    assert said(tmp_path, PROJECT) == []
