"""RECORD: the file in a `dist-info` directory that lists what a distribution has installed."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

HASH = 1
SIZE = 2
"""Columns that a row may lack, or have empty; the first one is the path, relative to site-packages."""


def read_rows(dist_info: Path) -> list[list[str]]:
    """Give the rows of a distribution's RECORD. Raises `FileNotFoundError`, `OSError`."""
    with (dist_info / "RECORD").open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        return [row for row in csv.reader(file) if row]


def name_of(dist_info: Path) -> str:
    """Return the normalised name of the distribution that a `dist-info` directory is of."""
    return canonicalize_name(dist_info.name.removesuffix(".dist-info").rpartition("-")[0])


def versions(site_packages: Path) -> dict[str, str]:
    """Return name → version of what is installed, from the names of the `dist-info` directories."""
    found = site_packages.glob("*.dist-info")
    return {name_of(path): path.name.removesuffix(".dist-info").rpartition("-")[2] for path in found}
