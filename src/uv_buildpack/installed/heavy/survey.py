"""Looking at what is installed: which distributions could be heavy, and which must not be.

`.pth` files: https://docs.python.org/3/library/site.html; run paths: https://man7.org/linux/man-pages/man8/ld.so.8.html
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from uv_buildpack import package_data
from uv_buildpack.installed.distributions import parents
from uv_buildpack.installed.heavy.facts import LIB, Package, gather, is_heavy
from uv_buildpack.installed.heavy.records import records
from uv_buildpack.installed.shared_objects import run_paths

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from uv_buildpack.installed.distributions import Distribution, SitePackages
    from uv_buildpack.installed.heavy.records import Record
    from uv_buildpack.installed.heavy.setting import HeavySetting

_ORIGIN = re.compile(r"\$(?:ORIGIN|\{ORIGIN\})/?(.*)")


def survey(site_packages: SitePackages, setting: HeavySetting, skip: Collection[str]) -> tuple[Package, ...]:
    """Return the facts of each distribution that is heavy by size or name, and of those that share a directory with it.

    `skip` are those whose facts are remembered: not on disk, or not changed. Raises `OSError`.
    """
    found = (_surveyed(site_packages.path, record, package) for record, package in _heavy(site_packages, setting, skip))
    return tuple(sorted((package for package, _ in found), key=lambda package: package.name))


def refusals(site_packages: SitePackages, setting: HeavySetting, skip: Collection[str]) -> list[str]:
    """Return why packages that are heavy by size or name stay in the environment, a line each. Raises `OSError`."""
    found = [_surveyed(site_packages.path, record, package) for record, package in _heavy(site_packages, setting, skip)]
    own = {package.name: reason for package, reason in found if reason}
    stays: dict[str, str] = {}
    for together in gather(package for package, _ in found):
        cause = next((package.name for package in together if package.name in own), None)
        if cause and is_heavy(together, setting):
            stays |= {each.name: own.get(each.name, f"it shares a directory with {cause}") for each in together}
        elif is_heavy(together, setting) and not any(package.directories for package in together):
            stays |= {each.name: "it has no directory of its own" for each in together}
    installed = {distribution.name for distribution in site_packages.distributions}
    return [
        *(f"{name} is not installed" for name in sorted(setting.names - installed)),
        *(f"{name} stays in the environment: {reason}" for name, reason in sorted(stays.items())),
    ]


def _heavy(
    site_packages: SitePackages, setting: HeavySetting, skip: Collection[str]
) -> Iterator[tuple[Record, Package]]:
    """Return what may be heavy, and what may keep it back, without `skip`, with the facts that RECORD tells."""
    here = {record.name: record for record in records(site_packages)}
    for together in gather(_recorded(site_packages.path, record) for record in here.values()):
        if is_heavy(together, setting) or LIB in together[0].reaches:
            yield from ((here[package.name], package) for package in together if package.name not in skip)


def _recorded(site_packages: Path, record: Record) -> Package:
    directories = record.directories()
    below = tuple(f"{directory}/" for directory in directories)
    files = ((path, size) for path, size in record.files.items() if below and path.startswith(below))
    size = sum(_size(site_packages / path) if size is None else size for path, size in files)
    reaches = (LIB,) if record.fills_lib else ()
    return Package(name=record.name, directories=directories, strays=record.strays(), size=size, reaches=reaches)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _surveyed(site_packages: Path, record: Record, package: Package) -> tuple[Package, str]:
    """Complete the facts by what only the files tell; with the reason why the package has to stay, if there is one."""
    if obstacle := _obstacle(record, package):
        return replace(package, movable=False), obstacle
    return replace(package, reaches=tuple(sorted(_led_to(site_packages, record, package)))), ""


def _obstacle(record: Record, package: Package) -> str:
    if package.name in never_heavy():
        return never_heavy()[package.name]
    if not (package.directories or package.strays):
        return "it has no directory of its own"
    if record.fills_lib:
        return "it has libraries in the environment's lib directory"
    if any("/" not in path and path.endswith(".pth") for path in record.files):
        return "it has a .pth file, which Python reads at each start"
    if _is_local(record.distribution):
        return "it is a local package"
    return ""


def _is_local(distribution: Distribution) -> bool:
    return "dir_info" in json.loads(distribution.content("direct_url.json") or "{}")


def _led_to(site_packages: Path, record: Record, package: Package) -> set[str]:
    """Return where run paths lead, if not into the package's own directories or somewhere above site-packages.

    The environment's `lib` counts: a layer has nothing in its place, so nothing that looks there can be moved.
    """
    led = {
        posixpath.normpath(posixpath.join(posixpath.dirname(path), match[1]))
        for path in record.files
        if _may_be_object(path) and (site_packages / path).is_file()
        for entry in run_paths(site_packages / path)
        if (match := _ORIGIN.fullmatch(entry))
    }
    others = {place for place in led if not {place, *parents(place)} & set(package.directories)}
    return {place for place in others if place == LIB or place.split("/")[0] not in {".", ".."}}


def _may_be_object(path: str) -> bool:
    """Return whether it is a shared object or a program, by its name: opening 29,000 files would take a second."""
    file = path.rpartition("/")[2]
    return ".so" in file or "." not in file


@cache
def never_heavy() -> Mapping[str, str]:
    """Return the packages that do not work under a link, with the reason. Names are normalised."""
    reasons: dict[str, str] = json.loads(package_data.read("never_heavy.json"))
    return reasons
