"""Bytecode made by us: exactly the files that are wanted, in parallel, the same bytes in any order, on any machine.

`python -m compileall` cannot skip files whose hash-mode bytecode is up to date, and writes other bytes in another
order; uv recompiles everything. So the interpreter that will load the bytecode runs a small program of ours.
Hash-based bytecode: https://peps.python.org/pep-0552/. uv's own compiler, which takes every file, as of uv 0.12.5:
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-installer/src/compile.rs
"""

from __future__ import annotations

import heapq
import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from uv_buildpack import command, package_data
from uv_buildpack.errors import InterpreterFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Mode = Literal["unchecked-hash", "checked-hash"]

#: Below this many bytes of source a further process costs more than it saves.
_BYTES_WORTH_A_PROCESS = 400_000

#: Status of `compile_worker.py` where the machine failed, not a source.
_MACHINE_FAILED = 74

#: Nothing of the build's environment may reach the compiler. The seed orders constant sets before CPython 3.11.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


@dataclass(frozen=True, slots=True)
class NotCompiled:
    """A source that has no bytecode: some packages ship files that are not for this Python."""

    path: Path
    reason: str

    def __str__(self) -> str:
        """Return both in one line."""
        return f"{self.path}: {self.reason}"


def compile_tree(python: Path, directory: Path) -> tuple[NotCompiled, ...]:
    """Compile every module below `directory` as `UNCHECKED_HASH`: nobody edits a layer. Raises `InterpreterFailed`."""
    sources = [path for path in directory.rglob("*.py") if path.is_file() and not path.is_symlink()]
    return compile_files(python, sources, "unchecked-hash")


def compile_files(
    python: Path, files: Sequence[Path], mode: Mode, *, jobs: int | None = None, prefix: Path | None = None
) -> tuple[NotCompiled, ...]:
    """Compile `files` with the interpreter `python` (CPython 3.8 and newer), and return those that do not compile.

    The paths are absolute and those of run time: the bytecode holds them. `jobs` is the number of processes, by default
    that of the CPUs this process may use. The bytes do not depend on it, nor on the order. `prefix` is a directory to
    write below (`sys.pycache_prefix`) instead of beside the sources. Raises `InterpreterFailed`, and `OSError` where
    it is not the fault of a source that it has no bytecode: such a failure is never mistaken for one of the source.
    """
    shares = _balanced(files, jobs or len(os.sched_getaffinity(0)))
    program = package_data.read("compile_worker.py")
    order = {"checked": mode == "checked-hash", "prefix": str(prefix) if prefix else None}
    with ThreadPoolExecutor(max(1, len(shares))) as pool:
        answers = list(pool.map(lambda share: _compile(python, program, {**order, "files": share}), shares))
    failures = sorted(failure for answer in answers for failure in answer)
    return tuple(NotCompiled(Path(path), reason) for path, reason in failures)


def _compile(python: Path, program: str, order: Mapping[str, object]) -> list[tuple[str, str]]:
    try:
        # No -I and -E: they would ignore the hash seed. The environment is all ours, and the program clears the path.
        done = command.run(
            [python, "-S", "-s", "-B", "-W", "ignore", "-c", program],
            environment=_ENVIRONMENT,
            cwd=Path("/"),
            input=json.dumps(order),
        )
    except OSError as error:
        raise InterpreterFailed(python, "compile bytecode", 127, str(error)) from error
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode == _MACHINE_FAILED and lines and len(lines[-1]) == len(("path", "reason", "errno")):
        path, reason, number = lines[-1]
        raise OSError(number, reason, path)
    if done.returncode != 0:
        raise InterpreterFailed(python, "compile bytecode", done.returncode, done.stderr)
    return lines


def _balanced(files: Iterable[Path], jobs: int) -> list[list[str]]:
    """Share files out by size, the largest first, each to the share that has least."""
    sized = sorted(((path.stat().st_size, str(path)) for path in files), reverse=True)
    worth = 1 + sum(size for size, _ in sized) // _BYTES_WORTH_A_PROCESS
    shares: list[tuple[int, int, list[str]]] = [(0, number, []) for number in range(max(1, min(jobs, worth)))]
    for size, path in sized:
        total, number, share = shares[0]
        share.append(path)
        heapq.heapreplace(shares, (total + size, number, share))
    return [share for _, _, share in shares if share]


def place_of(python: Path, source: Path) -> Path:
    """Return the file where `python` looks for the bytecode of `source`."""
    tag = python.name.removeprefix("python").replace(".", "")
    return source.parent / "__pycache__" / f"{source.stem}.cpython-{tag}.pyc"
