"""Moving heavy packages out of site-packages, taking links away again, and checking what a sync has made of them.

uv does not know the links: a sync of a linked package fails, or empties the heavy layer through the link; a removed
package leaves its link; and uv calls the wreck good. So every link of a package that will change is taken away before,
and the result is checked after.
What uv removes, and how it follows links, is in `uninstall_wheel` (uv 0.12.5, the same in 0.13.9):
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-install-wheel/src/uninstall.rs
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack.installed.distributions import parents
from uv_buildpack.installed.heavy.records import records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.installed.heavy.facts import Bundle, Package
    from uv_buildpack.installed.heavy.records import Record

INSIDE = "site-packages"
"""Below a heavy layer. A directory called `lib`, `bin`, `env` or `exec.d` would mean something to the lifecycle:
https://github.com/buildpacks/lifecycle/blob/v0.21.17/env/build.go"""


def move_out(site_packages: Path, bundles: Iterable[Bundle], layers_dir: Path) -> None:
    """Move the directories of each bundle to `<layers_dir>/<layer>/site-packages`; absolute links take their place.

    Bytecode moves along. What is a link already stays as it is. Raises `OSError`: the layers have to be on the same
    file system as site-packages, and the places must be free.
    """
    for bundle in bundles:
        inside = layers_dir / bundle.layer / INSIDE
        for directory in bundle.directories:
            source, target = site_packages / directory, inside / directory
            if not source.is_symlink():
                _make_parents(target, layers_dir)
                source.rename(target)
                source.symlink_to(target)
        for place in bundle.ways_back:
            _make_parents(inside / place, layers_dir)
            (inside / place).unlink(missing_ok=True)
            (inside / place).symlink_to(site_packages / place)


def _make_parents(path: Path, top: Path) -> None:
    for parent in reversed([parent for parent in path.parents if parent != top and parent.is_relative_to(top)]):
        if not parent.is_dir():
            parent.mkdir()
            parent.chmod(0o755)  # whatever the umask


def take_apart(site_packages: Path, packages: Iterable[Package]) -> None:
    """Take away every link of these packages, and directories that held nothing else. Raises `OSError`."""
    for package in packages:
        for directory in package.directories:
            _unlink(site_packages, directory)


def _unlink(site_packages: Path, directory: str) -> None:
    for place in (*reversed(tuple(parents(directory))), directory):
        if (site_packages / place).is_symlink():
            (site_packages / place).unlink()
            _remove_empty(site_packages, parents(place))
            return


def _remove_empty(site_packages: Path, places: Iterable[str]) -> None:
    for place in places:
        path = site_packages / place
        if path.is_symlink() or not path.is_dir() or any(path.iterdir()):
            return
        path.rmdir()


def forget(site_packages: SitePackages, names: Collection[str]) -> None:
    """Remove distributions that uv would take for installed, except what is behind links. Raises `OSError`.

    uv compares versions, and so does not reinstall another file of the same one, or one whose links are taken away.
    """
    for path in site_packages.files_of(names):
        path.unlink(missing_ok=True)
    for distribution in site_packages.named(names):
        shutil.rmtree(distribution.dist_info)


def damages(site_packages: SitePackages, present_layers: Collection[str], reused_layers: Collection[str]) -> list[str]:
    """Check an environment after a sync, and say what is wrong, a line each. Raises `OSError`.

    Every file in a RECORD is there (the first that is not is named), except those behind links to `reused_layers`,
    which have no directory. Every link leads into a layer on disk or a reused one, and belongs to something installed.
    """
    installed, top = records(site_packages), site_packages.path
    links = dict(_links(top))
    away = {place for place, layer in links.items() if layer in reused_layers}
    here = {place for place, layer in links.items() if layer in present_layers and (top / place).is_dir()}
    owned = {directory for record in installed for directory in record.directories()}
    # What a broken link hides is reported once, by the link.
    missing = ((record.name, next(_missing(top, record, links.keys() - here), "")) for record in installed)
    return [
        *(f"{name}: {path} is missing" for name, path in missing if path),
        *(f"{place} is a link that belongs to no package" for place in sorted(links.keys() - owned)),
        *(
            f"{place} leads to the layer {links[place] or '?'}, which is not there"
            for place in sorted((links.keys() & owned) - away - here)
        ),
    ]


def _missing(site_packages: Path, record: Record, hidden: Collection[str]) -> Iterator[str]:
    skipped: dict[str, bool] = {}
    top = str(site_packages)
    for path in (*record.files, *record.others):
        directory = path.rpartition("/")[0]
        if directory not in skipped:
            skipped[directory] = any(place in hidden for place in (directory, *parents(directory)))
        if not skipped[directory] and not os.path.lexists(f"{top}/{path}"):
            yield path


def _links(site_packages: Path) -> Iterator[tuple[str, str]]:
    """Return each link to a directory in a layer, and the layer's name (empty: it leads somewhere else)."""
    stack = [""]
    while stack:
        below = stack.pop()
        with os.scandir(site_packages / below) as entries:
            for entry in entries:
                place = f"{below}{entry.name}"
                if entry.is_symlink():
                    yield place, _layer(Path(entry.path).readlink(), place)
                elif entry.is_dir(follow_symlinks=False):
                    stack.append(f"{place}/")


def _layer(target: Path, place: str) -> str:
    """Return the name of the layer in which a link's target has the same place as the link in site-packages."""
    inside = Path(str(target).removesuffix(f"/{place}"))
    return inside.parent.name if inside.name == INSIDE and inside != target else ""
