"""The platform's log: what it prints while it works, and the same text kept for the result."""

import sys
import threading
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass(slots=True)
class Log:
    """Writes lines to a byte stream, if there is one, and remembers them. Safe to use from several threads."""

    stream: BinaryIO | None = None
    kept: bytearray = field(default_factory=bytearray)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def raw(self, output: bytes) -> None:
        """Pass on what a buildpack printed, byte for byte."""
        with self._lock:
            self.kept += output
            if self.stream is not None:
                self.stream.write(output)
                self.stream.flush()

    def line(self, text: str) -> None:
        """Print one line."""
        self.raw(f"{text}\n".encode())

    def phase(self, name: str) -> None:
        """Announce a phase, in the form of pack and the lifecycle."""
        self.line(f"===> {name.upper()}")

    def notice(self, text: str) -> None:
        """Print a line that a user should act on."""
        self.line(f"Warning: {text}")

    def text(self) -> str:
        """Return everything printed so far."""
        with self._lock:
            return self.kept.decode(errors="replace")


def standard_output() -> Log:
    """Return the log of the command line."""
    return Log(sys.stdout.buffer)


def write_line(text: str) -> None:
    """Print an answer of the command line (not part of a build's log)."""
    sys.stdout.write(f"{text}\n")


def write_error(text: str) -> None:
    """Print why the command line stopped."""
    sys.stderr.write(f"ERROR: {text}\n")
