"""Programs that are started: their output is kept within bounds, and one that does not answer is stopped."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from uv_buildpack import command

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path("/")


def python(program: str) -> list[str]:
    return [sys.executable, "-I", "-c", program]


def test_both_streams_are_given_and_the_status() -> None:
    program = "import sys; print(sys.stdin.read()); print('e', file=sys.stderr); sys.exit(3)"
    done = command.run(python(program), environment={}, cwd=ROOT, input="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\n\n", "e\n")


def test_what_is_no_text_is_replaced_and_lines_are_as_python_has_them() -> None:
    done = command.run(python(r"import os; os.write(1, b'a\r\nb\rc\xff')"), environment={}, cwd=ROOT)
    assert done.stdout == "a\nb\nc\N{REPLACEMENT CHARACTER}"


def test_a_program_that_reads_nothing_is_no_error() -> None:
    assert command.run(python("pass"), environment={}, cwd=ROOT, input="x" * 1_000_000).returncode == 0


def test_a_program_that_prints_without_end_is_kept_by_its_begin_and_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_KEPT_BYTES", 2**18)
    program = "import os\nos.write(1, b'first')\nfor _ in range(40): os.write(1, b'x' * 2**16)\nos.write(1, b'last')"
    done = command.run(python(program), environment={}, cwd=ROOT)
    assert done.stdout.startswith("first")
    assert done.stdout.endswith("last")
    assert "\n[...]\n" in done.stdout
    assert len(done.stdout) < 2**20


def test_lines_come_as_they_are_printed_long_ones_in_pieces() -> None:
    lines: list[str] = []
    program = "print('a'); print('x' * 20000, flush=True); import sys; print('e', file=sys.stderr)"
    command.run_reporting(python(program), environment={}, cwd=ROOT, on_line=lines.append)
    assert [line for line in lines if line in {"a", "e"}] == ["a", "e"]
    assert max(map(len, lines)) == 8192
    assert "".join(lines) == f"a{'x' * 20000}e"


def test_of_many_lines_the_begin_and_the_end_are_kept() -> None:
    count: list[str] = []
    program = "for number in range(100_000): print(number)"
    done = command.run_reporting(python(program), environment={}, cwd=ROOT, on_line=count.append)
    assert len(count) == 100_000
    assert done.stderr.splitlines() == [str(number) for number in (*range(2000), *range(98_000, 100_000))]


@pytest.mark.parametrize("program", ["import time; time.sleep(60)", "import os, time; os.fork(); time.sleep(60)"])
def test_a_program_that_does_not_answer_is_stopped_with_what_it_started(program: str) -> None:
    begin = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.5 s"):
        command.run(python(program), environment={}, cwd=ROOT, seconds=0.5)
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize("run", [command.run, lambda *a, **b: command.run_reporting(*a, **b, on_line=print)])
def test_a_program_that_is_not_there_is_an_error(run: Callable[..., object]) -> None:
    with pytest.raises(FileNotFoundError):
        run(["/none"], environment={}, cwd=ROOT)
