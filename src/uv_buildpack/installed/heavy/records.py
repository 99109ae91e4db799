"""What is installed, by its RECORD files: they are there even where a heavy package's own directories are not.

The file's format: https://packaging.python.org/en/latest/specifications/recording-installed-packages/#the-record-file
"""

from __future__ import annotations

import posixpath
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv_buildpack.installed.distributions import parents
from uv_buildpack.installed.heavy.facts import LIB

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from uv_buildpack.installed.distributions import Distribution, SitePackages

_SHORT = 1000
"""Bytes. The `__init__.py` of an old-style namespace package is shorter, its licence included."""

_MANY = 32
"""Directories below one at the top: each would be a link. Then the top is treated as the distribution's own."""

_CARELESS = frozenset(
    {"bin", "benchmarks", "doc", "docs", "examples", "include", "lib", "scripts", "share", "src", "test", "tests"}
)
"""Directories that many wheels put at the top by mistake: light packages would meet heavy ones in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An installed distribution by what its RECORD lists. Paths are relative to site-packages."""

    distribution: Distribution
    files: Mapping[str, int | None]
    """Each file outside of the dist-info directory, without bytecode → its size, where RECORD says it."""
    others: tuple[str, ...]
    """The rest, without bytecode: metadata, and what lies outside of site-packages (`../../../bin/…`)."""

    @property
    def name(self) -> str:
        """The normalised name."""
        return self.distribution.name

    def directories(self) -> tuple[str, ...]:
        """Return the highest directories that are the distribution's own, sorted.

        A namespace (`nvidia`, `google/cloud`), in which a light package may come to live, is not one of them; those
        below it are. It is what has no file of the distribution, or nothing but a short `__init__.py`, or modules
        without one and directories below: https://packaging.python.org/en/latest/guides/packaging-namespace-packages/
        """
        held = self._held()
        inner = {above for place in held for above in parents(place)}
        owned = {place for place, names in held.items() if not self._is_namespace(place, names, inner)}
        owned |= {
            top for top, count in Counter(place.split("/")[0] for place in _highest(owned)).items() if count > _MANY
        }
        return tuple(sorted(place for place in _highest(owned) if place.split("/")[0] not in _CARELESS))

    def strays(self) -> tuple[str, ...]:
        """Return the other directories in which it has files, sorted: they may be inside another distribution's own."""
        own = set(self.directories())
        return tuple(sorted(place for place in self._held() if own.isdisjoint((place, *parents(place)))))

    def _held(self) -> dict[str, set[str]]:
        """Return the names of the files in each directory."""
        held: dict[str, set[str]] = {}
        for path in self.files:
            directory, _, file = path.rpartition("/")
            if directory:
                held.setdefault(directory, set()).add(file)
        return held

    @property
    def fills_lib(self) -> bool:
        """Return whether it has shared objects in the environment's `lib` directory."""
        return any(posixpath.dirname(path) == LIB and ".so" in path for path in self.others)

    def _is_namespace(self, place: str, names: set[str], inner: Collection[str]) -> bool:
        modules = names - {"py.typed"}
        if "__init__.py" not in names:
            return place in inner and (not modules or any(name.endswith(".py") for name in modules))
        return modules == {"__init__.py"} and (self.files[f"{place}/__init__.py"] or 0) < _SHORT


def _highest(places: Collection[str]) -> list[str]:
    return [place for place in places if not any(above in places for above in parents(place))]


def records(site_packages: SitePackages) -> list[Record]:
    """Return what the RECORD of each distribution lists, sorted by name. Raises `OSError`."""
    return [_record(distribution) for distribution in site_packages.distributions]


def _record(distribution: Distribution) -> Record:
    own = f"{distribution.dist_info.name}/"
    files: dict[str, int | None] = {}
    others: list[str] = []
    for file in distribution.files:
        if file.path.startswith((own, "../", "/")):
            others.append(file.path)
        elif not _is_bytecode(file.path):
            files[file.path] = file.size
    return Record(distribution=distribution, files=files, others=tuple(others))


def _is_bytecode(path: str) -> bool:
    return "__pycache__" in path.split("/")
