"""The one home of subprocesses. What they print is kept within bounds, however much it is."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
from collections import deque
from contextlib import suppress
from itertools import chain
from threading import Thread
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

_BLOCK = 64 * 1024
_KEPT_BYTES = 32 * 1024 * 1024
"""Of a stream that is collected: of its start, and as many of its end. Locking 50,000 packages prints 3 MB."""
_LONGEST_LINE = 8 * 1024
"""Characters; a longer line comes in pieces."""
_KEPT_LINES = 2000
"""Of an output that is passed on line by line: of its start, and as many of its end."""


class Completed(NamedTuple):
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
    seconds: float | None = None,
) -> Completed:
    """Run a command with exactly this environment and return its output, whatever its exit status.

    After `seconds` it is stopped, with what it started. Raises `OSError`, `TimeoutError` among them.
    """
    process = subprocess.Popen(
        [str(word) for word in argv],
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A group of its own, where it may have to be stopped.
        process_group=None if seconds is None else 0,
    )
    with process:
        outputs = [_Output(stream) for stream in (process.stdout, process.stderr) if stream]
        try:
            if process.stdin is not None:
                with suppress(BrokenPipeError), process.stdin:
                    process.stdin.write((input or "").encode("utf-8", "surrogateescape"))
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise TimeoutError(errno.ETIMEDOUT, f"no answer within {seconds:g} s", str(argv[0])) from None
        except BaseException:
            process.kill()
            raise
        stdout, stderr = (output.text() for output in outputs)
    return Completed(process.returncode, stdout, stderr)


class _Output(Thread):
    """What a stream gives: its start and its end, and the middle as far as it fits in between."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._begin = bytearray()
        self._end: deque[bytes] = deque(maxlen=_KEPT_BYTES // _BLOCK)
        self._dropped = False
        self.start()

    def run(self) -> None:
        while block := self._stream.read(_BLOCK):
            if len(self._begin) < _KEPT_BYTES:
                self._begin += block
            else:
                self._dropped = self._dropped or len(self._end) == self._end.maxlen
                self._end.append(block)

    def text(self) -> str:
        """Wait for the end, and return what was kept, lines as Python has them."""
        self.join()
        content = bytes(self._begin) + (b"\n[...]\n" if self._dropped else b"") + b"".join(self._end)
        return content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def run_reporting(
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    on_line: Callable[[str], object],
) -> Completed:
    """Run a command and pass on each line of its output as it comes.

    The result has the start and the end of the output as its standard error. Raises `OSError`.
    """
    begin: list[str] = []
    end: deque[str] = deque(maxlen=_KEPT_LINES)
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
            (begin if len(begin) < _KEPT_LINES else end).append(line)
            on_line(line)
    return Completed(process.returncode, "", "\n".join(chain(begin, end)))


def _lines(process: subprocess.Popen[str]) -> Iterator[str]:
    while process.stdout and (line := process.stdout.readline(_LONGEST_LINE)):
        yield line.rstrip("\n")
