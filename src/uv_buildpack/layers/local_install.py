"""Installing local packages as a developer's `uv sync` does, and apart from all other packages.

uv installs them into an environment at the path of the `venv` layer: their scripts name its interpreter. It is a
stand-in, so that nothing of theirs gets into that layer; what uv puts there is moved into `venv-project`. Where a
package is built without isolation, the stand-in has everything that the environment has.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack import log
from uv_buildpack.bytecode.wanted import modules
from uv_buildpack.installed import conflicts, distributions
from uv_buildpack.layers import app_links
from uv_buildpack.layers.venv import contents
from uv_buildpack.project import extensions, local_sources, tree
from uv_buildpack.uv.installing import LocalPackages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.local_packages import LocalPackage
    from uv_buildpack.uv.installing import Installing
    from uv_buildpack.uv.running import Uv

# What setuptools leaves beside the source; nothing at run time needs it. Another backend's `build` may be what an
# editable installation loads (meson-python).
_LITTER = (".egg-info", "build")
_UV_LOCK = ".lock"
"""What uv locks while it changes an environment (`lock` in uv 0.12.5):
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-python/src/interpreter.rs"""


class Installation(NamedTuple):
    """What is installed, by what, and where."""

    uv: Uv
    python: Path
    """The interpreter of the environment."""
    venv: Path
    """The path of the `venv` layer. What is there, if anything, is there again afterwards."""
    project: Project
    packages: Sequence[LocalPackage]
    """All that is installed."""
    pyprojects: Mapping[str, Pyproject]
    """Of these packages, by name."""
    installing: Installing
    scratch: Path
    """An existing directory on the same file system."""
    complete: bool
    """Whether packages are built in the environment, which then has to be at `venv`, with all that is in it."""

    @property
    def root(self) -> Path:
        """The directory that has `uv.lock`."""
        return self.project.root.directory

    def place(self, package: LocalPackage) -> Path:
        """Return the directory (or the archive) of a package."""
        return Path(os.path.normpath(self.root / package.path))


def install(installation: Installation, directory: Path) -> tuple[SitePackages, dict[str, str]]:
    """Fill the empty directory; return what is installed in it, and the links that the app needs (`app_links`).

    Editable packages are installed in place when that writes nothing into the tree, which the next build would not
    have; everything else is built from a copy of the app directory. Raises `Problem`, `OSError`.
    """
    in_place, copied = _sorted(installation)
    with _stand_in(installation) as before:
        if in_place:
            copied += _install_in_place(installation, in_place)
        if copied:
            _install_copies(installation, copied)
        contents.verify_interpreter(installation.venv, installation.python)
        site_packages = contents.site_packages_below(directory, installation.venv)
        _move_out(installation.venv, before, directory)
    site_packages.mkdir(parents=True, exist_ok=True)
    contents.compile_packages(installation.python, modules(site_packages))
    sources = {package.name: installation.place(package) for package in copied}
    installed = distributions.read(site_packages)
    return installed, app_links.find(directory, installed, sources, installation.project.app_dir)


def _sorted(installation: Installation) -> tuple[list[LocalPackage], list[LocalPackage]]:
    """Return the packages to install in place, and those to install as copies."""
    in_place, copied = [], []
    for package in installation.packages:
        if not package.editable:
            copied.append(package)
        elif extensions.compiles(installation.place(package), installation.pyprojects.get(package.name)):
            log.step(f"{package.name} has extension modules: installed as a copy")
            copied.append(package)
        else:
            in_place.append(package)
    return in_place, copied


@contextmanager
def _stand_in(installation: Installation) -> Iterator[tree.Listing]:
    """Have an environment at the path of the `venv` layer, and return what is in it; at the end it is as it was."""
    venv, aside = installation.venv, installation.scratch / "venv"
    if venv.exists():
        venv.rename(aside)
    if installation.complete:
        # Links suffice: uv and pip never write into a file that is there, they put another one in its place (0.12.5:
        # https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-fs/src/link.rs).
        shutil.copytree(aside, venv, symlinks=True, copy_function=os.link)
    else:
        installation.uv.make_venv(venv, installation.project.app_dir, installation.python)
    try:
        yield _files(venv)
    finally:
        shutil.rmtree(venv, ignore_errors=True)
        if aside.exists():
            aside.rename(venv)


def _files(directory: Path) -> tree.Listing:
    """Return each file of a directory, with what tells whether another one took its place."""
    paths = [Path(parent, name) for parent, _, names in os.walk(directory) for name in names]
    return {path: ((status := path.lstat()).st_ino, status.st_ctime_ns) for path in paths}


def _move_out(venv: Path, before: tree.Listing, directory: Path) -> None:
    """Move what is new or another file than before into the same place below `directory`."""
    for path, seen in _files(venv).items():
        if before.get(path) != seen and path.name != _UV_LOCK:
            target = directory / path.relative_to(venv)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)


def _sync(installation: Installation, packages: Sequence[LocalPackage]) -> None:
    """Let uv install some of the packages in place."""
    place, venv = installation.project.directory, installation.venv
    command = installation.installing.local(venv, place, _chosen(installation, packages, copied=False))
    installation.uv.install_local(command, place, venv)


def _sync_copies(installation: Installation, copy: Path, packages: Sequence[LocalPackage]) -> None:
    """Let uv install some of the packages from a copy of the app, whether they are there already or not."""
    place, venv = copy / installation.project.directory.relative_to(installation.project.app_dir), installation.venv
    again = [word for package in packages for word in ("--reinstall-package", package.name)]
    command = installation.installing.local(venv, place, _chosen(installation, packages, copied=True))
    installation.uv.install_local([*command, *again], place, venv)


def _chosen(installation: Installation, packages: Sequence[LocalPackage], *, copied: bool) -> LocalPackages:
    names = [package.name for package in packages]
    others = [package.name for package in installation.packages if package not in packages]
    return LocalPackages(names=names, others=others, complete=installation.complete, copied=copied)


def _install_in_place(installation: Installation, packages: Sequence[LocalPackage]) -> list[LocalPackage]:
    """Install editable packages, and return those that wrote into the tree and so have to become copies."""
    app_dir = installation.project.app_dir
    # Made before any backend runs: what a backend changes in the tree is taken back from it.
    static = all(local_sources.is_static(installation.pyprojects.get(package.name)) for package in packages)
    if not static:
        _copy_of_app(installation)
    before = tree.listing(app_dir)
    directories = tree.directories(app_dir)
    _sync(installation, packages)
    copies = _undo(installation, packages, before)
    tree.remove_new_directories(app_dir, directories)
    return copies


def _install_copies(installation: Installation, packages: Sequence[LocalPackage]) -> None:
    copy = _copy_of_app(installation)
    _sync_copies(installation, copy, packages)
    # They are installed beside each other, and may have files in common.
    installed = distributions.read(contents.site_packages_of(installation.venv))
    names = {package.name: package for package in packages}
    for name in conflicts.unsettled(installed.path, conflicts.find(installed)):
        if name in names:
            _sync_copies(installation, copy, [names[name]])


def _copy_of_app(installation: Installation) -> Path:
    copy = installation.scratch / "app"
    return copy if copy.exists() else tree.copy(installation.project.app_dir, copy)


def _undo(installation: Installation, packages: Sequence[LocalPackage], before: tree.Listing) -> list[LocalPackage]:
    """Take back what backends wrote into the tree, and return the packages that need it and so become copies."""
    app_dir, reference = installation.project.app_dir, installation.scratch / "app"
    copies: list[LocalPackage] = []
    for path in tree.changed_since(app_dir, before):
        original = reference / path.relative_to(app_dir)
        owner = _owner(installation, packages, path)
        if original.is_file():
            shutil.copy2(original, path)
        elif path not in before:
            path.unlink(missing_ok=True)
        if owner and owner not in copies and not _is_litter(installation, owner, path):
            log.step(f"{owner.name} writes {path.name} into its own tree when it is built: installed as a copy")
            copies.append(owner)
    return copies


def _owner(installation: Installation, packages: Sequence[LocalPackage], path: Path) -> LocalPackage | None:
    owners = [package for package in packages if path.is_relative_to(installation.place(package))]
    return max(owners, key=lambda package: len(package.path), default=None)


def _is_litter(installation: Installation, package: LocalPackage, path: Path) -> bool:
    pyproject = installation.pyprojects.get(package.name)
    backend = str(pyproject.table("build-system").get("build-backend", "setuptools") if pyproject else "setuptools")
    directories = path.relative_to(installation.place(package)).parts[:-1]
    return backend.partition(".")[0].partition(":")[0] == "setuptools" and any(
        name.endswith(_LITTER[0]) or name == _LITTER[1] for name in directories
    )
