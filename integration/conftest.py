"""What integration tests share: a source of CPython builds and the packaged buildpack, each made once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checks.platforms import availabilities
from trial.prerequisites import Interpreters, find_interpreters, package

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def interpreters() -> Interpreters:
    """The real address of CPython builds, or a mirror with an archive of the Python that runs this."""
    return find_interpreters(os.environ, REPOSITORY / ".cache", print)


@pytest.fixture(scope="session")
def buildpack(interpreters: Interpreters, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged buildpack for this machine, as a directory: `…/uv-buildpack/linux/<arch>`."""
    return package(interpreters, tmp_path_factory.mktemp("dist"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which platforms there were: a run without Docker passes, and must not look like one with it."""
    terminalreporter.section("platforms")
    for availability in availabilities(os.environ):
        terminalreporter.line(str(availability))
