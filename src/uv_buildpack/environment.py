"""Making the environment: cold from nothing, or warm from a snapshot of which uv changes only what changed.

Both give the same bytes. A warm build that cannot be sure of that says so and starts from nothing.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack import log
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.installed import conflicts, distributions, heavy
from uv_buildpack.layers import venv
from uv_buildpack.snapshots import file_format

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from uv_buildpack.installed.heavy import Group, HeavySetting
    from uv_buildpack.snapshots.file_format import Snapshot
    from uv_buildpack.uv.running import Uv


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What an environment is made from, and where."""

    uv: Uv
    python: Path
    layer: Path
    layers_dir: Path
    project_dir: Path
    project_layer: Path
    arguments: Sequence[str]
    packages: Mapping[str, str]
    """Third-party packages: name → identity."""
    built: Collection[str]
    """Names of those that have to be built from source."""
    heavy: HeavySetting
    is_reusable: Callable[[Group], bool]
    """Whether the previous image has the layer of a group with an equal key."""
    take: Callable[[Group], bool]
    """Unpack the layer of a group from a snapshot with an equal key; tells whether there is one."""

    @property
    def site_packages(self) -> Path:
        """Where the packages are."""
        return venv.site_packages_of(self.layer)


def make_cold(recipe: Recipe) -> tuple[Group, ...]:
    """Make the environment in the empty layer from nothing, and give its heavy groups. Raises `Problem`, `OSError`."""
    recipe.uv.make_venv(recipe.layer, recipe.project_dir, recipe.python)
    _sync(recipe)
    _settle(recipe)
    venv.write_link(recipe.layer, recipe.project_layer)
    modules = wanted.modules(recipe.site_packages)
    venv.compile_packages(recipe.python, modules)
    _remove_orphans(recipe, modules)
    _remove_empty_directories(recipe.layer)
    _warn_of_differences(recipe)
    _warn_of_refusals(recipe, ())
    groups = heavy.group(heavy.survey(recipe.site_packages, recipe.heavy, ()), recipe.heavy)
    heavy.move_out(recipe.site_packages, groups, recipe.layers_dir)
    return groups


def make_warm(recipe: Recipe, snapshot: Snapshot) -> tuple[Group, ...] | None:
    """Make the environment in the empty layer from a snapshot; `None` if that cannot be relied on.

    Gives its heavy groups; those that are not on the disk have to come from the previous image.
    Raises `Problem`, `OSError`.
    """
    old: dict[str, str] = json.loads(snapshot.key["packages"])
    log.step("starting from the snapshot of the environment")
    file_format.unpack(snapshot, recipe.layer)
    changed = {name for name in {*old, *recipe.packages} if old.get(name) != recipe.packages.get(name)}
    stale = {name for name in changed if _same_version(old, recipe.packages, name)}
    kept, lost = _sort_groups(recipe, heavy.from_text(snapshot.key["groups"]), changed)
    groups = _change(recipe, changed, stale, lost, kept)
    moved = [group for group in kept if group not in groups]
    if moved:
        # The 25th heavy package pushes the smallest one back into the environment.
        kept = [group for group in kept if group in groups]
        groups = _change(recipe, set(), set(), moved, kept)
    _warn_of_refusals(recipe, {package.name for group in kept for package in group.packages})
    heavy.move_out(recipe.site_packages, [group for group in groups if group not in kept], recipe.layers_dir)
    away = frozenset(group.layer for group in kept if not (recipe.layers_dir / group.layer).is_dir())
    present = {group.layer for group in groups} - away
    damages = heavy.damages(recipe.site_packages, present, away)
    damages += [f"{group.layer} groups differently" for group in kept if group not in groups]
    for line in damages:
        log.warning(f"The environment from the snapshot cannot be used: {line}.")
    return None if damages else groups


def files_of(layer: Path, python: Path, names: Collection[str], *, but: Collection[str]) -> set[Path]:
    """Give what distributions have in an environment, `but` not the files of others.

    These are files, those of bytecode as well, and the directories of metadata: uv takes an empty one for a package.
    """
    site_packages = venv.site_packages_of(layer)
    files = _files_of(site_packages, names) - _files_of(site_packages, but)
    files.update(_dist_infos(site_packages, names))
    return files | {compiling.place_of(python, path) for path in files if path.suffix == ".py"}


def _files_of(site_packages: Path, names: Collection[str]) -> set[Path]:
    return {Path(os.path.normpath(path)) for path in _recorded(site_packages, names)}


def _change(
    recipe: Recipe, changed: Collection[str], stale: Collection[str], lost: Sequence[Group], kept: Sequence[Group]
) -> tuple[Group, ...]:
    """Let uv change what changed, and install the `lost` groups anew; then compile, and group as a clean build would.

    `stale` are packages that uv would take for installed, since it looks at versions only.
    """
    site_packages = recipe.site_packages
    anew = {package.name for group in lost for package in group.packages}
    shared = heavy.keep_shared(site_packages, anew.union(changed))
    # uv would empty a heavy layer through its link, or fail on one that leads nowhere.
    heavy.take_apart(site_packages, [package for group in lost for package in group.packages], forget=False)
    for name in sorted(anew.union(stale)):
        _uninstall(site_packages, name)
    _sync(recipe)
    heavy.put_back(site_packages, shared)
    linked = {package.name for group in kept for package in group.packages}
    settled = _settle(recipe, {file.path for file in shared}, linked)
    modules = wanted.modules(site_packages)
    _compile_changes(recipe, anew.union(changed, settled).intersection(recipe.packages), modules)
    _remove_orphans(recipe, modules)
    _remove_empty_directories(recipe.layer)
    _warn_of_differences(recipe)
    remembered = [package for group in kept for package in group.packages]
    surveyed = heavy.survey(site_packages, recipe.heavy, {package.name for package in remembered})
    return heavy.group([*surveyed, *remembered], recipe.heavy)


def _sort_groups(recipe: Recipe, groups: Iterable[Group], changed: Collection[str]) -> tuple[list[Group], list[Group]]:
    """Sort the heavy groups of a snapshot: kept (in the previous image, or unpacked here), and to install anew."""
    kept: list[Group] = []
    lost: list[Group] = []
    for group in groups:
        unchanged = not any(package.name in changed for package in group.packages)
        usable = unchanged and (recipe.is_reusable(group) or recipe.take(group))
        (kept if usable else lost).append(group)
    return kept, lost


def _sync(recipe: Recipe, *more: str) -> None:
    recipe.uv.sync(recipe.project_dir, recipe.layer, [*recipe.arguments, *more])
    venv.verify_interpreter(recipe.layer, recipe.python)
    venv.normalise(recipe.layer)


def _settle(recipe: Recipe, also: Collection[str] = (), linked: Collection[str] = ()) -> list[str]:
    """Let the same distribution win wherever several have a file, and give those that were installed again for that.

    Raises `ValueError` for one of `linked`, whose layers uv would empty.
    """
    found = conflicts.find(recipe.site_packages, also)
    again = conflicts.unsettled(recipe.site_packages, found)
    if caught := sorted(set(linked).intersection(again)):
        message = f"files of {', '.join(caught)} were overwritten by other packages"
        raise ValueError(message)
    for name in again:
        _sync(recipe, "--reinstall-package", name)
    for each in found:
        if each.path not in also:
            log.detail(f"{each.path}: {', '.join(each.owners)} differ, that of {each.owner} is installed")
    return again


def _compile_changes(recipe: Recipe, fresh: Collection[str], modules: Collection[Path]) -> None:
    """Compile the modules of packages that changed, and those without bytecode.

    Never only the latter: uv leaves the bytecode of a single-file module behind, which unchecked would be believed.
    """
    changed = set(_recorded(recipe.site_packages, fresh))
    missing = {path for path in modules if not compiling.place_of(recipe.python, path).is_file()}
    venv.compile_packages(recipe.python, changed.intersection(modules) | missing)


def _remove_orphans(recipe: Recipe, modules: Iterable[Path]) -> None:
    """Remove bytecode that is not of these modules: of modules that are gone, or what a wheel brought."""
    places = {compiling.place_of(recipe.python, path) for path in modules}
    for directory in recipe.site_packages.rglob("__pycache__"):
        for path in directory.iterdir():
            if path not in places and not path.is_dir():
                path.unlink()


def _remove_empty_directories(layer: Path) -> None:
    """Remove directories with nothing in them, everywhere in the environment.

    uv leaves some behind where data files were, and makes those that a wheel has as entries of their own (pip does
    not). After a sync nobody can tell the two apart, so neither stays, in a clean build either.
    """
    for parent, directories, files in os.walk(layer, topdown=False):
        if not files and not any(os.path.lexists(Path(parent, name)) for name in directories):
            Path(parent).rmdir()


def _uninstall(site_packages: Path, name: str) -> None:
    """Remove a distribution that uv would take for installed: another file of the same version, or a heavy one."""
    for path in _recorded(site_packages, {name}):
        path.unlink(missing_ok=True)
    for directory in _dist_infos(site_packages, {name}):
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        directory.rmdir()


def _recorded(site_packages: Path, names: Collection[str]) -> Iterator[Path]:
    """Give the files in the RECORDs of distributions that are there, but none that a link to a heavy layer leads to."""
    for directory in _dist_infos(site_packages, names):
        paths = [site_packages / row[0] for row in distributions.read_rows(directory)]
        yield from (path for path in paths if path.is_file() and not _is_linked(site_packages, path))


def _is_linked(site_packages: Path, path: Path) -> bool:
    return path.is_relative_to(site_packages) and any(
        parent.is_symlink() for parent in path.parents if parent.is_relative_to(site_packages)
    )


def _dist_infos(site_packages: Path, names: Collection[str]) -> list[Path]:
    return [path for path in site_packages.glob("*.dist-info") if venv.distribution_name(path) in names]


def _same_version(old: Mapping[str, str], new: Mapping[str, str], name: str) -> bool:
    """Tell whether a package that changed has the version that it had: another file, or another source."""
    return name in old and name in new and old[name].partition(" ")[0] == new[name].partition(" ")[0]


def _warn_of_differences(recipe: Recipe) -> None:
    for line in venv.unexpected(recipe.site_packages, recipe.packages):
        log.warning(f"uv and the buildpack read the lock differently: {line}.", "Please report this with your uv.lock.")
    # uv unpacks sources in a directory with a random name. What has that name in it is another file in each build.
    place = f"{recipe.uv.environment['UV_CACHE_DIR']}/sdists-v".encode()
    for name in sorted(recipe.built):
        if path := next((path for path in _recorded(recipe.site_packages, {name}) if place in path.read_bytes()), None):
            log.warning(
                f"{name} is not built the same way twice: {path.name} names the directory it was built in.",
                "Each build from source changes the layer of the environment. A wheel in the index avoids it.",
            )


def _warn_of_refusals(recipe: Recipe, remembered: Collection[str]) -> None:
    """Say why packages that were asked for by name do not get layers of their own."""
    if recipe.heavy.names:
        for line in heavy.refusals(recipe.site_packages, recipe.heavy, remembered):
            log.warning(f"BP_UV_HEAVY_PACKAGES: {line}.")
