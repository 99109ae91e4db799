"""Running a buildpack: exit codes, and what is written when.

Buildpack specification, "Detection" and "Build" (https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#detection):
0 passes; 100 is a detection that fails; anything else is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnb.detection import detect_context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cnb.context import BuildContext
    from cnb.detection import DetectContext
    from cnb.plan import BuildPlan
    from cnb.result import BuildResult

EXIT_OK = 0
EXIT_NOT_DETECTED = 100


@dataclass(frozen=True, slots=True)
class NotDetected:
    """Detection does not pass."""

    reason: str
    """One line for the log, which is shown when every buildpack fails."""


def run_detect(
    detect: Callable[[DetectContext], BuildPlan | NotDetected],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    app_dir: Path,
    say: Callable[[str], object],
) -> int:
    """Run detection and return the exit code. Errors of `detect` pass through."""
    context = detect_context(arguments, environment, app_dir)
    outcome = detect(context)
    if isinstance(outcome, NotDetected):
        say(outcome.reason)
        return EXIT_NOT_DETECTED
    document = outcome.document()
    if document:
        from cnb import toml  # noqa: PLC0415 (only a detection that passes pays for it)

        toml.dump(context.plan_path, document)
    return EXIT_OK


def run_build(
    build: Callable[[BuildContext], BuildResult],
    arguments: Sequence[str],
    environment: Mapping[str, str],
    app_dir: Path,
) -> int:
    """Run a build and write its result; nothing is written if `build` raises. Errors pass through."""
    from cnb.context import build_context  # noqa: PLC0415 (detection does not need them)
    from cnb.result import write_result  # noqa: PLC0415

    context = build_context(arguments, environment, app_dir)
    write_result(context, build(context))
    return EXIT_OK
