"""Making the environment from scratch, and the steps shared with making it from a snapshot."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack import log
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.installed import conflicts, distributions, heavy
from uv_buildpack.installed.heavy.links import move_out
from uv_buildpack.installed.heavy.survey import refusals, survey
from uv_buildpack.layers.venv import contents

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cnb.context import BuildContext
    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.installed.heavy import Bundle, HeavySetting
    from uv_buildpack.layers.venv.key import VenvKey
    from uv_buildpack.snapshots.policy import Snapshots
    from uv_buildpack.uv.installing import Installing
    from uv_buildpack.uv.running import Uv


class Made(NamedTuple):
    """An environment that was made: its heavy bundles, and what is installed in it."""

    bundles: tuple[Bundle, ...]
    site_packages: SitePackages


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
    unisolated: Collection[str]
    """Names of those of them that are built in the environment."""
    heavy: HeavySetting
    snapshots: Snapshots
    addresses: Mapping[str, str]
    """Packages that come from an address of their own, and here from a file at hand: name → address."""
    reusable: frozenset[str]
    """Layers of heavy packages that the previous image has with the key that they have in this build."""


def make(recipe: Recipe) -> Made:
    """Make the environment in the empty layer from scratch. Raises `Problem`, `OSError`."""
    recipe.uv.make_venv(recipe.layer, recipe.project_dir, recipe.python)
    if recipe.unisolated:
        # uv itself installs all else before them only where they are named (`no-build-isolation-package`, uv 0.13.9).
        sync(recipe, *(word for name in sorted(recipe.unisolated) for word in ("--no-install-package", name)))
    installed, _ = settle(recipe, sync(recipe))
    contents.write_link(recipe.layer, recipe.project_layer)
    modules = wanted.modules(installed.path)
    # Before heavy packages move: bytecode names the place that a module is imported from, which is the link.
    contents.compile_packages(recipe.python, modules)
    tidy(recipe, installed, modules)
    warn_of_refusals(recipe, installed, ())
    bundles = heavy.bundle(survey(installed, recipe.heavy, ()), recipe.heavy)
    move_out(installed.path, bundles, recipe.context.layers_dir)
    return Made(bundles, installed)


def sync(recipe: Recipe, *more: str) -> SitePackages:
    """Let uv bring the environment to what the lock has, and check that it is still ours. Raises `Problem`."""
    recipe.uv.install([*recipe.installing.third_party(recipe.layer), *more], recipe.project_dir, recipe.layer)
    contents.verify_interpreter(recipe.layer, recipe.python)
    contents.normalise(recipe.layer)
    site_packages = contents.site_packages_of(recipe.layer)
    contents.note_addresses(site_packages, recipe.addresses)
    return distributions.read(site_packages)


def settle(
    recipe: Recipe, installed: SitePackages, also: Collection[str] = (), linked: Collection[str] = ()
) -> tuple[SitePackages, list[str]]:
    """Let the same distribution win wherever several have a file.

    Returns what is installed then, and the names of those that were installed again for that. Raises `ValueError` for
    one of `linked`, whose layers uv would empty.
    """
    found = conflicts.find(installed, also)
    again = conflicts.unsettled(installed.path, found)
    if caught := sorted(set(linked).intersection(again)):
        message = f"files of {', '.join(caught)} were overwritten by other packages"
        raise ValueError(message)
    for name in again:
        installed = sync(recipe, "--reinstall-package", name)
    for each in found:
        if each.path not in also:
            log.detail(f"{each.path}: {', '.join(each.owners)} differ, that of {each.owner} is installed")
    return installed, again


def tidy(recipe: Recipe, installed: SitePackages, modules: Iterable[Path]) -> None:
    """Remove what belongs to no package, and warn of packages that are not as they should be."""
    _remove_orphans(recipe.python, installed.path, modules)
    _remove_empty_directories(recipe.layer)
    _warn_of_differences(recipe, installed)


def _remove_orphans(python: Path, site_packages: Path, modules: Iterable[Path]) -> None:
    """Remove bytecode that is not of these modules: of modules that are gone, or what a wheel brought."""
    places = {compiling.place_of(python, path) for path in modules}
    for directory in site_packages.rglob("__pycache__"):
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


def _warn_of_differences(recipe: Recipe, installed: SitePackages) -> None:
    for line in contents.unexpected(installed, recipe.packages):
        log.warning(f"uv and the buildpack read the lock differently: {line}.", "Please report this with your uv.lock.")
    # uv unpacks sources in a directory with a random name; what has that name in it is another file in each build.
    # https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-distribution/src/source/mod.rs
    place = f"{recipe.uv.environment['UV_CACHE_DIR']}/sdists-v".encode()
    for name in sorted(recipe.built):
        files = installed.files_of({name})
        if path := next((path for path in files if place in path.read_bytes()), None):
            log.warning(
                f"{name} is not built the same way twice: {path.name} names the directory it was built in.",
                "Each build from source changes the layer of the environment. A wheel in the index avoids it.",
            )


def warn_of_refusals(recipe: Recipe, installed: SitePackages, remembered: Collection[str]) -> None:
    """Warn why packages that were asked for by name do not get layers of their own."""
    if recipe.heavy.names:
        for line in refusals(installed, recipe.heavy, remembered):
            log.warning(f"BP_UV_HEAVY_PACKAGES: {line}.")
