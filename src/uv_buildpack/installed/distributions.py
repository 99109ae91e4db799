"""What is installed in a site-packages directory: the one reader of `dist-info` directories and of their RECORD.

The format is that of https://packaging.python.org/en/latest/specifications/recording-installed-packages/.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

_SUFFIX = ".dist-info"
_SIZE = 2
"""The column of RECORD; it and the one before, the hash, may be empty or missing."""


class RecordedFile(NamedTuple):
    """A file as RECORD has it."""

    path: str
    """Relative to site-packages, with `/`; it may lead out of it (`../../../bin/flask`)."""
    hash: str
    """`sha256=` and the digest; empty where it is not recorded, as for bytecode."""
    size: int | None
    """Bytes; `None` where it is not recorded."""


@dataclass(frozen=True)
class Distribution:
    """An installed distribution. Its RECORD is read when `files` is asked for, and once."""

    dist_info: Path

    @property
    def name(self) -> str:
        """The normalised name, from that of the directory."""
        return canonicalize_name(self.dist_info.name.removesuffix(_SUFFIX).rpartition("-")[0])

    @property
    def version(self) -> str:
        """The version, from the name of the directory."""
        return self.dist_info.name.removesuffix(_SUFFIX).rpartition("-")[2]

    @cached_property
    def files(self) -> tuple[RecordedFile, ...]:
        """What RECORD lists; nothing if there is none. Raises `OSError`."""
        try:
            # Names of files are bytes: those that are no UTF-8 are written back as they came.
            file = (self.dist_info / "RECORD").open(encoding="utf-8", errors="surrogateescape", newline="")
        except FileNotFoundError:
            return ()
        with file:
            return tuple(_recorded(row) for row in csv.reader(file) if row)

    def content(self, name: str) -> bytes:
        """Return a file of the `dist-info` directory, such as `WHEEL`; empty if there is none. Raises `OSError`."""
        path = self.dist_info / name
        return path.read_bytes() if path.is_file() else b""


def installed(site_packages: Path, names: Collection[str] | None = None) -> tuple[Distribution, ...]:
    """Return the distributions that are installed, or those of these normalised `names`, sorted by name."""
    found = (Distribution(path) for path in site_packages.glob(f"*{_SUFFIX}"))
    return tuple(sorted(_chosen(found, names), key=lambda each: (each.name, each.version)))


def _chosen(found: Iterator[Distribution], names: Collection[str] | None) -> Iterator[Distribution]:
    return (each for each in found if names is None or each.name in names)


def _recorded(row: Sequence[str]) -> RecordedFile:
    size = row[_SIZE] if len(row) > _SIZE else ""
    return RecordedFile(row[0], row[1] if len(row) > 1 else "", int(size) if size.isdecimal() else None)
