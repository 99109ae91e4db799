"""How much bytecode a build made, seen from outside: what is younger than the newest installed distribution."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def compiled(layers_dir: Path) -> tuple[int, int]:
    """Return the number of modules that were compiled, and that of the distribution that was installed last.

    A snapshot is unpacked before anything is installed, and what is installed is compiled at the end: so the age tells
    bytecode that a build made from bytecode that it had. A heavy package whose last file is younger than its bytecode
    was unpacked. Nothing was made where there is no environment on the disk.
    """
    records = list(layers_dir.glob("*/venv/lib/python*/site-packages/*.dist-info/RECORD"))
    if not records:
        return 0, 0
    newest = max(records, key=_age)
    made = sum(_age(path) > _age(newest) for path in layers_dir.glob("*/venv/**/*.pyc"))
    for layer in layers_dir.glob("*/packages-*/"):
        files = [path for path in layer.rglob("*") if path.is_file()]
        others = max(_age(path) for path in files if path.suffix != ".pyc")
        young = [path for path in files if path.suffix == ".pyc" and _age(path) > _age(newest)]
        made += len(young) if all(_age(path) > others for path in young) else 0
    with newest.open(encoding="utf-8", newline="") as file:
        sources = [row for row in csv.reader(file) if row and row[0].endswith(".py")]
    return made, len(sources)


def _age(path: Path) -> int:
    return path.stat().st_mtime_ns
