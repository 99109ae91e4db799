"""What is known of packages that may be heavy, and how they are bundled: pure functions of these facts.

A warm build does not have the heavy packages on disk: their facts are remembered as text, and bundling them with the
facts of what is on disk has to give what a clean build gives. So each fact is about one distribution alone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cnb.documents import Table, parse_json
from uv_buildpack.installed.distributions import parents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from uv_buildpack.installed.heavy.setting import HeavySetting

PREFIX = "packages-"

LIB = "../.."
"""The environment's `lib`, seen from site-packages: where wheels with a data directory (mkl, tbb) put libraries."""

_MOST = 24
"""Layers. An image may have 127, and base images bring their own.

https://docs.docker.com/engine/storage/drivers/overlayfs-driver/"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed distribution that may become heavy. Paths are relative to site-packages, with `/`, sorted."""

    name: str
    """Normalised."""
    directories: tuple[str, ...]
    """The highest directories that are its own; none of them below another."""
    strays: tuple[str, ...] = ()
    """Other directories in which it has files."""
    size: int
    """Bytes of the files in them, without bytecode."""
    reaches: tuple[str, ...] = ()
    """Directories of others to which the run paths of its shared objects lead.

    `LIB` among them: there too; or it is this distribution whose libraries are there.
    """
    movable: bool = True
    """False: it has to stay where it is, and so do those that share a directory with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Packages that lie together in a layer, because they share directories; most often just one."""

    layer: str
    packages: tuple[Package, ...]

    @property
    def size(self) -> int:
        """Bytes of the files in its directories, without bytecode."""
        return sum(package.size for package in self.packages)

    @property
    def directories(self) -> tuple[str, ...]:
        """What is moved and linked: directories of its packages that are not below another one of them, sorted."""
        every = {directory for package in self.packages for directory in package.directories}
        return tuple(sorted(place for place in every if not any(above in every for above in parents(place))))

    @property
    def ways_back(self) -> tuple[str, ...]:
        """What in the layer has to lead back into the environment, sorted.

        The kernel resolves `..` of a run path (`$ORIGIN/../../nvidia/cublas/lib`) after the link, so the search arrives
        beside the package in its layer, where a link leads back. Each lies as high as it can.
        """
        own = set(self.directories)
        inner = {above for directory in own for above in parents(directory)}
        found: set[str] = set()
        for package in self.packages:
            for reach in set(package.reaches) - {LIB}:
                steps = (*reversed(tuple(parents(reach))), reach)
                place = next((step for step in steps if step not in inner), None)
                if place is not None and place not in own:
                    found.add(place)
        return tuple(sorted(found))


def bundle(packages: Iterable[Package], setting: HeavySetting) -> tuple[Bundle, ...]:
    """Bundle the packages and keep what is heavy: at most 24 bundles, the largest first, sorted by layer."""
    heavy = [
        _bundle(together)
        for together in gather(packages)
        if all(package.movable for package in together)
        and any(package.directories for package in together)
        and is_heavy(together, setting)
    ]
    # By size and name: which of them stay does not depend on the order in which they were found.
    largest = sorted(heavy, key=lambda each: (-each.size, each.layer))[:_MOST]
    return tuple(sorted(largest, key=lambda each: each.layer))


def is_heavy(together: Iterable[Package], setting: HeavySetting) -> bool:
    """Return whether packages that share directories are heavy by size or by name."""
    listed = list(together)
    return setting.takes(frozenset(package.name for package in listed), sum(package.size for package in listed))


def gather(packages: Iterable[Package]) -> list[list[Package]]:
    """Put those together that share a directory, or of which one has files inside a directory of another.

    The environment's `lib` is shared by those that have libraries there and those that look for some there.
    """
    listed = sorted(packages, key=lambda package: package.name)
    every = {directory for package in listed for directory in package.directories}
    sets: list[tuple[set[str], list[Package]]] = []
    for package in listed:
        places = {_highest(place, every) for place in (*package.directories, *package.strays)} & every
        highest = places | ({LIB} & set(package.reaches))
        members = [package]
        for met in [pair for pair in sets if pair[0] & highest]:
            highest |= met[0]
            members += met[1]
            sets.remove(met)
        sets.append((highest, members))
    return [members for _, members in sets]


def _highest(place: str, owned: Collection[str]) -> str:
    return next((above for above in reversed(tuple(parents(place))) if above in owned), place)


def to_text(bundles: Iterable[Bundle]) -> str:
    """Write bundles for a layer's metadata."""
    return json.dumps([asdict(each) for each in bundles], separators=(",", ":"))


def from_text(text: str) -> tuple[Bundle, ...]:
    """Read what `to_text` wrote. Raises `DocumentError` when it is something else."""
    document = Table({"bundles": parse_json(text, "bundles")}, "metadata")
    return tuple(_remembered(entry) for entry in document.tables("bundles"))


def _remembered(entry: Table) -> Bundle:
    if "packages" not in entry:
        raise entry.wrong("an array", "packages")
    return Bundle(layer=entry.text("layer"), packages=tuple(_package(package) for package in entry.tables("packages")))


def _package(entry: Table) -> Package:
    return Package(
        name=entry.text("name"),
        directories=entry.texts("directories"),
        strays=entry.texts("strays"),
        size=entry.integer("size"),
        reaches=entry.texts("reaches"),
        movable=entry.optional_boolean("movable") is not False,
    )


def _bundle(together: list[Package]) -> Bundle:
    packages = tuple(sorted(together, key=lambda each: each.name))
    return Bundle(layer=f"{PREFIX}{packages[0].name}", packages=packages)
