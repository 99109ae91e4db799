"""How much bytecode a build made, seen from outside: what is younger than the newest installed distribution."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def compiled(layers_dir: Path) -> tuple[int, int]:
    """Give the number of modules that were compiled, and that of the distribution that was installed last.

    A snapshot is unpacked before anything is installed, and what is installed is compiled at the end: so the age tells
    bytecode that a build made from bytecode that it had. That of heavy packages from snapshots is older than its
    source, which is unpacked after it. Nothing was made where there is no environment on the disk.
    """
    records = list(layers_dir.glob("*/venv/lib/python*/site-packages/*.dist-info/RECORD"))
    if not records:
        return 0, 0
    newest = max(records, key=_age)
    bytecode = [path for name in ("venv", "packages-*") for path in layers_dir.glob(f"*/{name}/**/*.pyc")]
    with newest.open(encoding="utf-8", newline="") as file:
        sources = [row for row in csv.reader(file) if row and row[0].endswith(".py")]
    return sum(_age(path) > max(_age(newest), _age(_source(path))) for path in bytecode), len(sources)


def _source(bytecode: Path) -> Path:
    return bytecode.parents[1] / f"{bytecode.name.rpartition('.cpython-')[0]}.py"


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns
