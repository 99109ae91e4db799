"""What is installed in a site-packages directory: the one reader of `dist-info` directories and of their RECORD.

The records of a large environment have 100,000 lines. So a directory is read once, and the value is handed to all who
ask about it, until uv changes what is installed.
The format: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
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


@dataclass(frozen=True, slots=True)
class SitePackages:
    """A site-packages directory, as it was when it was read."""

    path: Path
    distributions: tuple[Distribution, ...]
    """What is installed, sorted by name."""

    def named(self, names: Collection[str]) -> tuple[Distribution, ...]:
        """Return the distributions with these normalised names."""
        return tuple(each for each in self.distributions if each.name in names)

    def files_of(self, names: Collection[str]) -> Iterator[Path]:
        """Return the recorded files of distributions that are there, but none that is behind a link (heavy packages).

        Raises `OSError`.
        """
        for distribution in self.named(names):
            for file in distribution.files:
                path = self.path / file.path
                if path.is_file() and not is_below_link(self.path, file.path):
                    yield path


def read(site_packages: Path) -> SitePackages:
    """Read what is installed in a directory. Raises `OSError`."""
    found = (Distribution(path) for path in site_packages.glob(f"*{_SUFFIX}"))
    return SitePackages(site_packages, tuple(sorted(found, key=lambda each: (each.name, each.version))))


def is_below_link(site_packages: Path, path: str) -> bool:
    """Return whether a link is among the directories above a recorded path, as far as they are in site-packages."""
    return not path.startswith("../") and any((site_packages / place).is_symlink() for place in parents(path))


def parents(place: str) -> Iterator[str]:
    """Return the directories above a recorded path, the nearest first, without site-packages itself."""
    while "/" in place:
        place = place.rpartition("/")[0]
        yield place


def _recorded(row: Sequence[str]) -> RecordedFile:
    size = row[_SIZE] if len(row) > _SIZE else ""
    return RecordedFile(row[0], row[1] if len(row) > 1 else "", int(size) if size.isdecimal() else None)
