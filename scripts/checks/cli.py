"""The command line of `scripts/test`."""

from __future__ import annotations

import argparse
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from checks import mutants
from checks.platforms import availabilities
from checks.steps import Step, all_steps

_REPOSITORY = Path(__file__).resolve().parents[2]
_DESCRIPTION = """\
Everything that CI runs: lint, types, shell scripts, docs, tests, integration. Name steps to run only those.
The last lines say how each ended and, for integration, which platforms there were.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended."""

    step: str
    passed: bool
    seconds: float

    def __str__(self) -> str:
        return f"{self.step:<12} {'passed' if self.passed else 'FAILED'} {self.seconds:7.1f} s"


def main() -> int:
    """Run the steps, all of them even if one fails; return the exit code."""
    steps = all_steps(_REPOSITORY)
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("steps", nargs="*", choices=[[], *(step.name for step in steps)], metavar="STEP")
    parser.add_argument(
        "--mutants",
        nargs="*",
        metavar="MODULE",
        help="instead: put faults into modules that decide (below src), or all",
    )
    parser.add_argument("--most", type=int, default=20, help="mutants of each module (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="which of the mutants are tried (default: 1)")
    arguments = parser.parse_args()
    if arguments.mutants is not None:
        return mutants.main(_REPOSITORY, arguments.mutants, arguments.most, arguments.seed)
    wanted = arguments.steps or [step.name for step in steps]
    outcomes = [_run(step) for step in steps if step.name in wanted]
    print()
    for outcome in outcomes:
        print(outcome)
    if "integration" in wanted:
        for availability in availabilities(os.environ):
            print(f"  {availability}")
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def _run(step: Step) -> Outcome:
    started = time.monotonic()
    passed = True
    for command in step.commands:
        print(f"\n$ {' '.join(command)}", flush=True)
        passed &= subprocess.run(command, cwd=_REPOSITORY, stdin=subprocess.DEVNULL, check=False).returncode == 0
    return Outcome(step.name, passed, time.monotonic() - started)
