"""The process types that images have besides those of the project: `python`, and `test` in images for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cnb.launch import Process

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PYTHON = "python"
TEST = "test"
TEST_ENVIRONMENT = "test"
"""The value of `CNB_EXEC_ENV` with which an image is built to run the project's tests."""


class Beside(NamedTuple):
    """A process type that is never the default, and why it is there."""

    process: Process
    evidence: str


def processes_beside(
    taken: Collection[str], directory: str | None, execution_environment: str, installed: Mapping[str, str]
) -> tuple[Beside, ...]:
    """Return the process types that the project does not define itself (`taken`).

    They start in `directory` (`None`: the app directory). `installed` maps packages to their versions.
    """
    found = [_python(directory)]
    if execution_environment == TEST_ENVIRONMENT:
        found.append(_test(directory, installed))
    return tuple(beside for beside in found if beside.process.type not in taken)


def _python(directory: str | None) -> Beside:
    """Return the interpreter as a process type.

    The layers are on `PATH` only below the launcher, so `docker exec app python` would find no interpreter. For each
    process type the exporter makes a link to the launcher in `/cnb/process`, which is on the image's own `PATH`:
    https://github.com/buildpacks/spec/blob/platform/0.15/platform.md#exporter
    """
    process = Process(type=PYTHON, command=("python",), working_directory=directory)
    return Beside(process, "the environment's interpreter, for `docker exec` and one-off commands")


def _test(directory: str | None, installed: Mapping[str, str]) -> Beside:
    # As a module: that puts the working directory on the path, where tests of a flat layout find the application.
    if "pytest" in installed:
        process = Process(type=TEST, command=("python", "-m", "pytest"), working_directory=directory)
        return Beside(process, f"pytest {installed['pytest']} is installed")
    process = Process(type=TEST, command=("python", "-m", "unittest"), working_directory=directory)
    return Beside(process, "the discovery of unittest, since pytest is not installed")
