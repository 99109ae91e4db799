"""Making the environment from scratch, and the steps shared with making it from a snapshot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack import log
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.installed import conflicts, heavy
from uv_buildpack.installed.heavy.links import move_out
from uv_buildpack.installed.heavy.survey import refusals, survey
from uv_buildpack.layers.venv import contents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cnb.context import BuildContext
    from uv_buildpack.installed.heavy import Bundle, HeavySetting
    from uv_buildpack.layers.venv.key import VenvKey
    from uv_buildpack.snapshots.policy import Store
    from uv_buildpack.uv.installing import Installing
    from uv_buildpack.uv.running import Uv


class Recipe(NamedTuple):
    """What an environment is made from, and where."""

    context: BuildContext
    key: VenvKey
    uv: Uv
    python: Path
    """The interpreter."""
    layer: Path
    """Where the environment is made: an empty directory."""
    project_dir: Path
    project_layer: Path
    """Where local packages are, or will be."""
    installing: Installing
    packages: Mapping[str, str]
    """Third-party packages: name → identity."""
    built: Collection[str]
    """Names of those that have to be built from source."""
    heavy: HeavySetting
    snapshots: Store
    addresses: Mapping[str, str]
    """Packages that come from an address of their own, and here from a file at hand: name → address."""
    reusable: frozenset[str]
    """Layers of heavy packages that the previous image has with the key that they have in this build."""

    @property
    def site_packages(self) -> Path:
        """Where the packages are."""
        return contents.site_packages_of(self.layer)


def make(recipe: Recipe) -> tuple[Bundle, ...]:
    """Make the environment in the empty layer from scratch, and return its bundles. Raises `Problem`, `OSError`."""
    recipe.uv.make_venv(recipe.layer, recipe.project_dir, recipe.python)
    sync(recipe)
    settle(recipe)
    contents.write_link(recipe.layer, recipe.project_layer)
    modules = wanted.modules(recipe.site_packages)
    contents.compile_packages(recipe.python, modules)
    tidy(recipe, modules)
    warn_of_refusals(recipe, ())
    bundles = heavy.bundle(survey(recipe.site_packages, recipe.heavy, ()), recipe.heavy)
    move_out(recipe.site_packages, bundles, recipe.context.layers_dir)
    return bundles


def sync(recipe: Recipe, *more: str) -> None:
    """Let uv bring the environment to what the lock has, and check that it is still ours. Raises `Problem`."""
    recipe.uv.install([*recipe.installing.third_party(recipe.layer), *more], recipe.project_dir, recipe.layer)
    contents.verify_interpreter(recipe.layer, recipe.python)
    contents.normalise(recipe.layer)
    contents.note_addresses(recipe.site_packages, recipe.addresses)


def settle(recipe: Recipe, also: Collection[str] = (), linked: Collection[str] = ()) -> list[str]:
    """Let the same distribution win wherever several have a file, and return those that were installed again for that.

    Raises `ValueError` for one of `linked`, whose layers uv would empty.
    """
    found = conflicts.find(recipe.site_packages, also)
    again = conflicts.unsettled(recipe.site_packages, found)
    if caught := sorted(set(linked).intersection(again)):
        message = f"files of {', '.join(caught)} were overwritten by other packages"
        raise ValueError(message)
    for name in again:
        sync(recipe, "--reinstall-package", name)
    for each in found:
        if each.path not in also:
            log.detail(f"{each.path}: {', '.join(each.owners)} differ, that of {each.owner} is installed")
    return again


def tidy(recipe: Recipe, modules: Iterable[Path]) -> None:
    """Remove what belongs to no package, and warn of packages that are not as they should be."""
    _remove_orphans(recipe, modules)
    _remove_empty_directories(recipe.layer)
    _warn_of_differences(recipe)


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
    not). After a sync nobody can tell the two apart, so neither stays, in a clean build either. See uv 0.12.5,
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-install-wheel/src/uninstall.rs
    """
    for parent, directories, files in os.walk(layer, topdown=False):
        if not files and not any(os.path.lexists(Path(parent, name)) for name in directories):
            Path(parent).rmdir()


def _warn_of_differences(recipe: Recipe) -> None:
    for line in contents.unexpected(recipe.site_packages, recipe.packages):
        log.warning(f"uv and the buildpack read the lock differently: {line}.", "Please report this with your uv.lock.")
    # uv unpacks sources in a directory with a random name; what has that name in it is another file in each build.
    # https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-distribution/src/source/mod.rs
    place = f"{recipe.uv.environment['UV_CACHE_DIR']}/sdists-v".encode()
    for name in sorted(recipe.built):
        files = contents.recorded(recipe.site_packages, {name})
        if path := next((path for path in files if place in path.read_bytes()), None):
            log.warning(
                f"{name} is not built the same way twice: {path.name} names the directory it was built in.",
                "Each build from source changes the layer of the environment. A wheel in the index avoids it.",
            )


def warn_of_refusals(recipe: Recipe, remembered: Collection[str]) -> None:
    """Warn why packages that were asked for by name do not get layers of their own."""
    if recipe.heavy.names:
        for line in refusals(recipe.site_packages, recipe.heavy, remembered):
            log.warning(f"BP_UV_HEAVY_PACKAGES: {line}.")
