"""What integration tests share: a source of CPython builds and the packaged buildpack, each made once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from checks.platforms import availabilities
from trial.prerequisites import Interpreters, find_interpreters, package

if TYPE_CHECKING:
    from collections.abc import Callable

REPOSITORY = Path(__file__).resolve().parents[1]
_MEASURED = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def interpreters() -> Interpreters:
    """The real address of CPython builds, or a mirror with an archive of the Python that runs this."""
    return find_interpreters(os.environ, REPOSITORY / ".cache", print)


@pytest.fixture(scope="session")
def buildpack(interpreters: Interpreters, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged buildpack for this machine, as a directory: `…/uv-buildpack/linux/<arch>`."""
    return package(interpreters, tmp_path_factory.mktemp("dist"))


@pytest.fixture
def measured(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Takes a line that the end of the run shows: what a test measured, not only that it was within its limit."""
    return pytestconfig.stash.setdefault(_MEASURED, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured and which platforms there were: a run without Docker must not look like one with it."""
    terminalreporter.section("measured")
    for line in terminalreporter.config.stash.get(_MEASURED, []):
        terminalreporter.line(line)
    terminalreporter.section("platforms")
    for availability in availabilities(os.environ):
        terminalreporter.line(str(availability))
