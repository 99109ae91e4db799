"""Making the environment from a snapshot of an earlier one, of which uv changes only what changed.

It has the same bytes as one that is made from scratch. A build that cannot be sure of that says so, and starts again.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from cnb.documents import json_table
from cnb.result import empty_layer
from uv_buildpack import log
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.installed import distributions, heavy
from uv_buildpack.installed.heavy.links import damages, forget, move_out, take_apart
from uv_buildpack.installed.heavy.shared import keep_shared, put_back
from uv_buildpack.installed.heavy.survey import survey
from uv_buildpack.layers import packages
from uv_buildpack.layers.venv import cold, contents
from uv_buildpack.layers.venv.cold import Made
from uv_buildpack.snapshots import file_format

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.installed.heavy import Bundle
    from uv_buildpack.layers.venv.cold import Recipe
    from uv_buildpack.snapshots.file_format import Snapshot


def make(recipe: Recipe, snapshot: Snapshot) -> Made | None:
    """Make the environment in the empty layer from a snapshot; `None` if that cannot be relied on.

    Bundles that are not on the disk then have to come from the previous image. Raises `Problem`, `OSError`.
    """
    stored = json_table(snapshot.key["packages"], "packages")
    old = {name: stored.text(name) for name in stored.values}
    log.step("starting from the snapshot of the environment")
    file_format.unpack(snapshot, recipe.layer)
    changed = {name for name in {*old, *recipe.packages} if old.get(name) != recipe.packages.get(name)}
    # uv would take those that it finds installed from an address for others than those that it is led to.
    changed |= {name for name in recipe.addresses if name in old}
    stale = {name for name in changed if _same_version(old, recipe.packages, name)}
    kept, lost = _sort_bundles(recipe, heavy.from_text(snapshot.key["bundles"]), changed)
    bundles, installed = _change(recipe, changed, stale, lost, kept)
    moved = [bundle for bundle in kept if bundle not in bundles]
    if moved:
        # The 25th heavy package pushes the smallest one back into the environment.
        kept = [bundle for bundle in kept if bundle in bundles]
        bundles, installed = _change(recipe, set(), set(), moved, kept)
    cold.warn_of_refusals(recipe, installed, {package.name for bundle in kept for package in bundle.packages})
    move_out(installed.path, [bundle for bundle in bundles if bundle not in kept], recipe.context.layers_dir)
    away = frozenset(bundle.layer for bundle in kept if not (recipe.context.layers_dir / bundle.layer).is_dir())
    present = {bundle.layer for bundle in bundles} - away
    lines = damages(installed, present, away)
    lines += [f"{bundle.layer} would hold other packages" for bundle in kept if bundle not in bundles]
    for line in lines:
        log.warning(f"The environment from the snapshot cannot be used: {line}.")
    return None if lines else Made(bundles, installed)


def _change(
    recipe: Recipe, changed: Collection[str], stale: Collection[str], lost: Sequence[Bundle], kept: Sequence[Bundle]
) -> Made:
    """Let uv change what changed, and reinstall the `lost` bundles; then compile, and bundle as a clean build would.

    `stale` are packages that uv would consider installed, since it looks at versions only
    (https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-installer/src/satisfies.rs).
    """
    before = distributions.read(contents.site_packages_of(recipe.layer))
    reinstalled = {package.name for bundle in lost for package in bundle.packages}
    shared = keep_shared(before, reinstalled.union(changed))
    # uv would empty a heavy layer through its link, or fail on one that leads nowhere.
    take_apart(before.path, [package for bundle in lost for package in bundle.packages])
    forget(before, reinstalled.union(stale))
    installed = cold.sync(recipe)
    put_back(installed, shared)
    linked = {package.name for bundle in kept for package in bundle.packages}
    installed, settled = cold.settle(recipe, installed, {file.path for file in shared}, linked)
    modules = wanted.modules(installed.path)
    _compile_changes(recipe, installed, reinstalled.union(changed, settled).intersection(recipe.packages), modules)
    cold.tidy(recipe, installed, modules)
    remembered = [package for bundle in kept for package in bundle.packages]
    surveyed = survey(installed, recipe.heavy, {package.name for package in remembered})
    return Made(heavy.bundle([*surveyed, *remembered], recipe.heavy), installed)


def _sort_bundles(
    recipe: Recipe, bundles: Iterable[Bundle], changed: Collection[str]
) -> tuple[list[Bundle], list[Bundle]]:
    """Sort the heavy bundles of a snapshot: kept (in the previous image, or unpacked here), and to reinstall."""
    kept: list[Bundle] = []
    lost: list[Bundle] = []
    for bundle in bundles:
        unchanged = not any(package.name in changed for package in bundle.packages)
        usable = unchanged and (bundle.layer in recipe.reusable or _take(recipe, bundle))
        (kept if usable else lost).append(bundle)
    return kept, lost


def _take(recipe: Recipe, bundle: Bundle) -> bool:
    """Unpack the layer of a bundle from a snapshot with an equal key, and return whether there is one."""
    context = recipe.context
    key = packages.key(bundle, recipe.key, recipe.packages, context.layers_dir)
    directory = empty_layer(context, bundle.layer)
    taken = recipe.snapshots.take(bundle.layer, directory, asdict(key))
    if not taken:
        directory.rmdir()
    return taken


def _compile_changes(
    recipe: Recipe, installed: SitePackages, fresh: Collection[str], modules: Collection[Path]
) -> None:
    """Compile the modules of packages that changed, and those without bytecode.

    Never only the latter: uv leaves the bytecode of a single-file module behind, which unchecked would be believed
    (https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-install-wheel/src/uninstall.rs).
    """
    changed = set(installed.files_of(fresh))
    missing = {path for path in modules if not compiling.place_of(recipe.python, path).is_file()}
    contents.compile_packages(recipe.python, changed.intersection(modules) | missing)


def _same_version(old: Mapping[str, str], new: Mapping[str, str], name: str) -> bool:
    """Return whether a package changed but its version did not: another file, or another source."""
    return name in old and name in new and old[name].partition(" ")[0] == new[name].partition(" ")[0]
