"""What is installed, by its RECORD files: they are there even where a heavy package's own directories are not."""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from uv_buildpack.installed import distributions
from uv_buildpack.installed.heavy.facts import LIB, parents

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

_SHORT = 1000
"""Bytes. The `__init__.py` of an old-style namespace package is shorter, its licence included."""

_MANY = 32
"""Directories below one at the top: each would be a link. Then the top is taken for the distribution's own."""

_CARELESS = frozenset(
    {"bin", "benchmarks", "doc", "docs", "examples", "include", "lib", "scripts", "share", "src", "test", "tests"}
)
"""Directories that many wheels put at the top by mistake: light packages would meet heavy ones in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An installed distribution with a RECORD. Paths are relative to site-packages."""

    name: str
    """Normalised."""
    dist_info: str
    files: Mapping[str, int | None]
    """Each file outside of the dist-info directory, without bytecode → its size, where RECORD says it."""
    others: tuple[str, ...]
    """The rest, without bytecode: metadata, and what lies outside of site-packages (`../../../bin/…`)."""

    def directories(self) -> tuple[str, ...]:
        """Give the highest directories that are the distribution's own, sorted.

        A namespace (`nvidia`, `google/cloud`), in which a light package may come to live, is not one of them; those
        below it are. It is what has no file of the distribution, or nothing but a short `__init__.py`, or modules
        without one and directories below.
        """
        held = self._held()
        inner = {above for place in held for above in parents(place)}
        owned = {place for place, names in held.items() if not self._is_namespace(place, names, inner)}
        owned |= {
            top for top, count in Counter(place.split("/")[0] for place in _highest(owned)).items() if count > _MANY
        }
        return tuple(sorted(place for place in _highest(owned) if place.split("/")[0] not in _CARELESS))

    def strays(self) -> tuple[str, ...]:
        """Give the other directories in which it has files, sorted: they may be inside another distribution's own."""
        own = set(self.directories())
        return tuple(sorted(place for place in self._held() if own.isdisjoint((place, *parents(place)))))

    def _held(self) -> dict[str, set[str]]:
        """Give the names of the files in each directory."""
        held: dict[str, set[str]] = {}
        for path in self.files:
            directory, _, file = path.rpartition("/")
            if directory:
                held.setdefault(directory, set()).add(file)
        return held

    @property
    def fills_lib(self) -> bool:
        """Tell whether it has shared objects in the environment's `lib` directory."""
        return any(posixpath.dirname(path) == LIB and ".so" in path for path in self.others)

    def _is_namespace(self, place: str, names: set[str], inner: Collection[str]) -> bool:
        modules = names - {"py.typed"}
        if "__init__.py" not in names:
            return place in inner and (not modules or any(name.endswith(".py") for name in modules))
        return modules == {"__init__.py"} and (self.files[f"{place}/__init__.py"] or 0) < _SHORT


def _highest(places: Collection[str]) -> list[str]:
    return [place for place in places if not any(above in places for above in parents(place))]


def read_records(site_packages: Path) -> list[Record]:
    """Read the RECORD of each distribution, sorted by name. Raises `OSError`; one without RECORD is left out."""
    found = (_read(path) for path in site_packages.glob("*.dist-info"))
    return sorted((each for each in found if each is not None), key=lambda each: each.name)


def _read(dist_info: Path) -> Record | None:
    try:
        rows = distributions.read_rows(dist_info)
    except FileNotFoundError:
        return None
    own = f"{dist_info.name}/"
    files: dict[str, int | None] = {}
    others: list[str] = []
    for row in rows:
        if row[0].startswith((own, "../", "/")):
            others.append(row[0])
        elif not _is_bytecode(row[0]):
            files[row[0]] = _size(row)
    name = canonicalize_name(dist_info.name.removesuffix(".dist-info").rpartition("-")[0])
    return Record(name=name, dist_info=dist_info.name, files=files, others=tuple(others))


def _size(row: Sequence[str]) -> int | None:
    return (
        int(row[distributions.SIZE]) if len(row) > distributions.SIZE and row[distributions.SIZE].isdecimal() else None
    )


def _is_bytecode(path: str) -> bool:
    return "__pycache__" in path.split("/")
