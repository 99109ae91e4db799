"""What a visitor sees while `scripts/try` works: numbered steps, seconds that pass, and how long each step took."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trial.prerequisites import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CLEAR_LINE = "\r\x1b[K"
_TICK = 0.5  # seconds
_QUIET = 15  # seconds until a log, which nobody sees move, gets a line
_LAST_LINES = 40


class CommandFailed(Exception):
    """A command that worked silently has failed; `output` is the end of what it wrote."""

    def __init__(self, argv: tuple[str, ...], code: int, output: str) -> None:
        """Hold the facts."""
        super().__init__(f"`{' '.join(argv[:3])} …` failed with exit code {code}")
        self.output = output


@dataclass(slots=True)
class Progress:
    """The steps so far, and their seconds."""

    durations: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Log the start of a step, and keep how long it took."""
        print(f"\n=== {len(self.durations) + 1}. {title}", flush=True)
        started = time.monotonic()
        yield
        self.durations[title] = time.monotonic() - started
        print(f"    ({self.durations[title]:.1f} s)", flush=True)

    def table(self) -> str:
        """Return the steps with their durations."""
        width = max(map(len, self.durations))
        return "\n".join(f"  {title:<{width}}  {seconds:6.1f} s" for title, seconds in self.durations.items())


def quietly(*argv: str | Path, cwd: Path = REPOSITORY) -> None:
    """Run a command whose output matters only if it fails, and show the seconds that pass. Raises CommandFailed."""
    words = tuple(map(str, argv))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output, _ticking():
        done = subprocess.run(
            words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            output.seek(0)
            lines = output.read().splitlines()
            raise CommandFailed(words, done.returncode, "\n".join(lines[-_LAST_LINES:]))


@contextmanager
def _ticking() -> Iterator[None]:
    """Show the seconds that pass: in place on a terminal, now and then a line elsewhere."""
    finished = threading.Event()
    ticker = threading.Thread(target=_tick, args=(finished,), daemon=True)
    ticker.start()
    try:
        yield
    finally:
        finished.set()
        ticker.join()


def _tick(finished: threading.Event) -> None:
    terminal = sys.stdout.isatty()
    started = time.monotonic()
    said = 0.0
    while not finished.wait(_TICK):
        seconds = time.monotonic() - started
        if terminal:
            print(f"{_CLEAR_LINE}    … {seconds:.0f} s", end="", flush=True)
        elif seconds - said >= _QUIET:
            said = seconds
            print(f"    … {seconds:.0f} s", flush=True)
    if terminal:
        print(_CLEAR_LINE, end="", flush=True)
