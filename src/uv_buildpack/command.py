"""The one home of subprocesses."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended."""

    returncode: int
    stdout: str
    stderr: str


def run(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    input: str | None = None,  # noqa: A002 (the name subprocess has for it)
) -> Completed:
    """Run a command with exactly this environment and give its output, whatever its exit status. Raises `OSError`."""
    done = subprocess.run(
        [str(word) for word in argv],
        env=dict(environment),
        cwd=cwd,
        input=input,
        stdin=subprocess.DEVNULL if input is None else None,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


def run_reporting(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    on_line: Callable[[str], object],
) -> Completed:
    """Run a command and pass on each line of its standard error as it comes. Standard output is only collected.

    Raises `OSError`.
    """
    lines: list[str] = []
    with subprocess.Popen(
        [str(word) for word in argv],
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in _lines(process):
            lines.append(line)
            on_line(line)
    return Completed(process.returncode, "", "\n".join(lines))


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    for line in process.stdout or ():
        yield line.rstrip("\n")
