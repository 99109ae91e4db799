"""RECORD: the file in a `dist-info` directory that lists what a distribution has installed."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HASH = 1
SIZE = 2
"""Columns that a row may lack, or have empty; the first one is the path, relative to site-packages."""


def read_rows(dist_info: Path) -> list[list[str]]:
    """Give the rows of a distribution's RECORD. Raises `FileNotFoundError`, `OSError`."""
    with (dist_info / "RECORD").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [row for row in csv.reader(file) if row]
