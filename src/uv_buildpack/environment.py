"""Making the environment: cold from nothing, or warm from a snapshot of which uv changes only what changed.

Both give the same bytes. A warm build that cannot be sure of that says so and starts from nothing.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv_buildpack import bytecode, heavy, log
from uv_buildpack.layers import snapshots, venv

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.heavy import Group, HeavySetting
    from uv_buildpack.layers.snapshots import Snapshot
    from uv_buildpack.uv import Uv


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
    heavy: HeavySetting
    is_reusable: Callable[[Group], bool]
    """Whether the previous image has the layer of a group with an equal key."""

    @property
    def site_packages(self) -> Path:
        """Where the packages are."""
        return venv.site_packages_of(self.layer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An environment: its heavy groups, and the names of their layers that have to come from the previous image."""

    groups: tuple[Group, ...]
    absent: frozenset[str]


def make_cold(recipe: Recipe) -> Made:
    """Make the environment in the empty layer from nothing. Raises `Problem`, `OSError`."""
    recipe.uv.make_venv(recipe.layer, recipe.project_dir, recipe.python)
    _sync(recipe)
    venv.write_link(recipe.layer, recipe.project_layer)
    venv.compile_packages(recipe.python, recipe.site_packages)
    _warn_of_differences(recipe)
    groups = heavy.group(heavy.survey(recipe.site_packages, recipe.heavy, ()), recipe.heavy)
    heavy.move_out(recipe.site_packages, groups, recipe.layers_dir)
    return Made(groups=groups, absent=frozenset())


def make_warm(recipe: Recipe, snapshot: Snapshot, packed: Mapping[str, Snapshot]) -> Made | None:
    """Make the environment in the empty layer from a snapshot; `None` if that cannot be relied on.

    `packed` are snapshots of heavy layers, by name; one that is neither reusable nor packed is installed anew.
    Raises `Problem`, `OSError`.
    """
    old: dict[str, str] = json.loads(snapshot.key["packages"])
    new = recipe.packages
    snapshots.unpack(snapshot, recipe.layer)
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    kept, absent, lost = _sort_groups(recipe, heavy.from_text(snapshot.key["groups"]), changed, packed)
    site_packages = recipe.site_packages
    anew = {package.name for group in lost for package in group.packages}
    # uv would empty a heavy layer through its link, or fail on one that leads nowhere.
    heavy.take_apart(site_packages, [package for group in lost for package in group.packages], forget=False)
    for name in sorted((anew | changed) & set(old)):
        if name in anew or _same_version(old[name], new.get(name, "")):
            _uninstall(site_packages, name)
    _sync(recipe)
    fresh = (changed | anew) & set(new)
    _compile_changes(recipe, fresh)
    _tidy(site_packages)
    _warn_of_differences(recipe)
    groups = _regroup(recipe, kept)
    if groups is None:
        return None
    heavy.move_out(site_packages, [group for group in groups if group not in kept], recipe.layers_dir)
    names = frozenset(group.layer for group in absent)
    present = [group.layer for group in groups if group.layer not in names]
    damages = heavy.damages(site_packages, fresh, present, names)
    for line in damages:
        log.warning(f"The environment from the snapshot is damaged: {line}.")
    return None if damages else Made(groups=groups, absent=names)


def _sort_groups(
    recipe: Recipe, groups: Iterable[Group], changed: Collection[str], packed: Mapping[str, Snapshot]
) -> tuple[list[Group], list[Group], list[Group]]:
    """Sort heavy groups of a snapshot: kept, those of them that are not on disk, and those to install anew."""
    kept: list[Group] = []
    absent: list[Group] = []
    lost: list[Group] = []
    for group in groups:
        unchanged = not any(package.name in changed for package in group.packages)
        if unchanged and recipe.is_reusable(group):
            kept.append(group)
            absent.append(group)
        elif unchanged and group.layer in packed:
            target = recipe.layers_dir / group.layer
            target.mkdir()
            target.chmod(0o755)
            snapshots.unpack(packed[group.layer], target)
            kept.append(group)
        else:
            lost.append(group)
    return kept, absent, lost


def _sync(recipe: Recipe) -> None:
    recipe.uv.sync(recipe.project_dir, recipe.layer, recipe.arguments)
    venv.verify_interpreter(recipe.layer, recipe.python)
    venv.normalise(recipe.layer)


def _regroup(recipe: Recipe, kept: Sequence[Group]) -> tuple[Group, ...] | None:
    """Group anew, as a clean build would: from what is on disk, and from what is remembered of the rest."""
    remembered = [package for group in kept for package in group.packages]
    surveyed = heavy.survey(recipe.site_packages, recipe.heavy, {package.name for package in remembered})
    groups = heavy.group([*surveyed, *remembered], recipe.heavy)
    if all(group in groups for group in kept):
        return groups
    log.step("the heavy packages group differently than before: starting from nothing")
    return None


def _compile_changes(recipe: Recipe, fresh: Collection[str]) -> None:
    """Compile the modules of packages that changed, and those without bytecode.

    Never only the latter: uv leaves the bytecode of a single-file module behind, which unchecked would be believed.
    """
    site_packages = recipe.site_packages
    changed = {path for name in fresh for path in _recorded(site_packages, name) if path.suffix == ".py"}
    missing = bytecode.without_bytecode(recipe.python, site_packages)
    bytecode.compile_files(recipe.python, sorted(changed | set(missing)), "unchecked-hash")


def _tidy(site_packages: Path) -> None:
    """Remove bytecode without a source and empty directories: what uv leaves of packages that are gone."""
    for path in sorted(site_packages.rglob("__pycache__"), reverse=True):
        for compiled in path.iterdir():
            if not (path.parent / f"{compiled.name.partition('.')[0]}.py").is_file():
                compiled.unlink()
    for path in sorted((path for path in site_packages.rglob("*") if path.is_dir()), reverse=True):
        if not path.is_symlink() and not any(path.iterdir()):
            path.rmdir()


def _uninstall(site_packages: Path, name: str) -> None:
    """Remove a distribution that uv would take for installed: another file of the same version, or a heavy one."""
    for path in _recorded(site_packages, name):
        path.unlink(missing_ok=True)
    for directory in _dist_infos(site_packages, name):
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        directory.rmdir()


def _recorded(site_packages: Path, name: str) -> Iterator[Path]:
    """Give the files in a distribution's RECORD that are there, but none that a link to a heavy layer leads to."""
    for directory in _dist_infos(site_packages, name):
        with (directory / "RECORD").open(encoding="utf-8", newline="") as file:
            paths = [site_packages / row[0] for row in csv.reader(file) if row]
        yield from (path for path in paths if path.is_file() and not _is_linked(site_packages, path))


def _is_linked(site_packages: Path, path: Path) -> bool:
    return path.is_relative_to(site_packages) and any(
        parent.is_symlink() for parent in path.parents if parent.is_relative_to(site_packages)
    )


def _dist_infos(site_packages: Path, name: str) -> list[Path]:
    return [path for path in site_packages.glob("*.dist-info") if venv.distribution_name(path) == name]


def _same_version(old: str, new: str) -> bool:
    return old.partition(" ")[0] == new.partition(" ")[0]


def _warn_of_differences(recipe: Recipe) -> None:
    for line in venv.unexpected(recipe.site_packages, recipe.packages):
        log.warning(f"uv and the buildpack read the lock differently: {line}.", "Please report this with your uv.lock.")
