"""The platform's only home of subprocess."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from cnb_platform.tar import Owner

Sink = Callable[[bytes], None]
Running = subprocess.Popen[bytes]
INHERIT = None
PIPE = subprocess.PIPE
NOTHING = subprocess.DEVNULL
_PATIENCE = 10  # seconds
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program with its whole environment (None: this process's); paths are those of the machine it runs on."""

    argv: tuple[str, ...]
    cwd: str
    environment: Mapping[str, str] | None


def start(
    command: Command,
    *,
    umask: int = -1,
    account: Owner | None = None,
    stdin: int | None = NOTHING,
    stdout: int | None = PIPE,
) -> Running:
    """Start a program with stderr merged into stdout; setgroups, setgid and setuid come before exec.

    Raises OSError where it cannot be started.
    """
    return _popen(command, umask, account, stdin, stdout, subprocess.STDOUT if stdout is not INHERIT else INHERIT)


def _popen(  # noqa: PLR0913, PLR0917 - the three streams are what differs
    command: Command,
    umask: int,
    account: Owner | None,
    stdin: int | None,
    stdout: int | None,
    stderr: int | None,
    process_group: int | None = None,
) -> Running:
    return subprocess.Popen(
        command.argv,
        cwd=command.cwd,
        env=command.environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        umask=umask,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        process_group=process_group,
        close_fds=False,  # the lock on the directories is held as long as a program works in them
    )


def follow(command: Command, sink: Sink, *, umask: int = -1, account: Owner | None = None) -> int:
    """Run a program to its end, feed its output to `sink`, and return its exit code. Raises OSError.

    It gets a process group of its own, so that an interrupted build takes everything with it that it started.
    """
    with contextlib.ExitStack() as at_end:
        with signals_wait():
            process = _popen(command, umask, account, NOTHING, PIPE, subprocess.STDOUT, process_group=0)
            at_end.enter_context(process)
            at_end.callback(_kill_group, process)
        while process.stdout and (piece := os.read(process.stdout.fileno(), 1 << 16)):
            sink(piece)
        return process.wait()


def _kill_group(process: Running) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def signals_wait() -> Iterator[None]:
    """Have signals wait that end this program, while it starts another one and takes note of it.

    Python runs handlers between any two steps, those within `Popen` included. One that raises there would leave a
    program running that nobody ends. They run in the main thread only.
    """
    came: list[int] = []
    numbers = _ENDING if threading.current_thread() is threading.main_thread() else ()
    handlers = {each: signal.signal(each, lambda number, _: came.append(number)) for each in numbers}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)


def stop(process: Running) -> None:
    """End a process the way `docker stop` does: SIGTERM, and ten seconds later SIGKILL."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


def output_of(command: Command, *, account: Owner | None, stderr: int | None) -> tuple[int, bytes]:
    """Run a program to its end; returns exit code and standard output. Raises OSError."""
    with _popen(command, -1, account, NOTHING, PIPE, stderr) as process:
        output, _ = process.communicate()
    return process.returncode, output


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool of the platform's own (docker, pack, a lifecycle phase) returned."""

    code: int
    output: bytes
    errors: bytes


def ask(argv: Sequence[str], environment: Mapping[str, str] | None = None, stdin: IO[bytes] | None = None) -> Answer:
    """Run a tool to its end, in this process's environment or the one given. Raises OSError."""
    done = subprocess.run(argv, env=environment, stdin=stdin or NOTHING, capture_output=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)
