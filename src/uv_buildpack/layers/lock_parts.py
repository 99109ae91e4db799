"""How uv installs from the lock of this build; of a `pylock.toml` it gets parts, which are written here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cnb import toml
from uv_buildpack import decisions
from uv_buildpack.layers import supply
from uv_buildpack.project import pylock
from uv_buildpack.uv.installing import FromProject, FromPylock, FromScript, Installing, LocalPackages

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from uv_buildpack.layers.work import Work


def installing(work: Work) -> Installing:
    """Return how uv installs from the lock."""
    analysis = work.analysis
    if analysis.project.pylock:
        return FromPylock(partial(_packages, work), partial(_local_packages, work))
    if analysis.project.script:
        return FromScript(analysis.project.script, [package.name for package in analysis.decisions.local])
    return FromProject(analysis.sync_arguments())


def _packages(work: Work) -> Path:
    """Write the part of a `pylock.toml` with third-party packages; their files are those at hand, if any are."""
    document = pylock.part(work.analysis.project.lock_path, _numbers(work, None))
    for package in document["packages"]:
        supply.lead(package, work.files)
    return _written(work, "packages", document)


def _local_packages(work: Work, directory: Path, packages: LocalPackages) -> Path:
    """Write the part of a `pylock.toml` with some local packages, which are in `directory`."""
    project = work.analysis.project
    document = pylock.part(directory / project.lock_name, _numbers(work, packages.names))
    for package in document["packages"]:
        if packages.copied and "directory" in package:
            package["directory"]["editable"] = False
    return _written(work, "local", document)


def _numbers(work: Work, names: Collection[str] | None) -> set[int]:
    """Return the numbers of selected packages in a `pylock.toml`: local ones by their names, else all others."""
    lock = work.lock()
    selected = {id(package) for package in decisions.walk(lock, work.analysis.decisions)[1]}
    return {
        number
        for number, package in enumerate(lock.packages[1:])
        if id(package) in selected and (package.name in names if names is not None else not package.local)
    }


def _written(work: Work, name: str, document: dict[str, object]) -> Path:
    # uv knows the format by the name of the file, as the specification has it:
    # https://packaging.python.org/en/latest/specifications/pylock-toml/#file-name
    path = work.scratch / f"pylock.{name}.toml"
    toml.dump(path, document)
    return path
