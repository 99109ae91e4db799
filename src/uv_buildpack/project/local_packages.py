"""Local packages: the project, members of its workspace, path dependencies. Which are installed, and how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv_buildpack.errors import LocalPackageMissing, PathDependencyOutside, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from uv_buildpack.project.lockfile import Lock, LockedPackage


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPackage:
    """A package in the app directory. `path` is relative to the lock."""

    name: str
    path: str
    editable: bool


def local_packages(selected: Iterable[LockedPackage], *, no_editable: bool) -> tuple[LocalPackage, ...]:
    """Return the selected local packages that are installed; a virtual project only brings dependencies."""
    return tuple(
        LocalPackage(
            name=package.name,
            path=package.source,
            editable=package.source_kind == "editable" and not no_editable,
        )
        for package in selected
        if package.local and package.installed
    )


def check_paths(lock: Lock, root: Path, app_dir: Path) -> list[Problem]:
    """Check that each local package of the lock is in the app directory."""
    problems: list[Problem] = []
    for package in lock.packages:
        if not package.local:
            continue
        path = package.source
        place = (root / path).resolve()
        if not place.is_relative_to(app_dir.resolve()):
            problems.append(PathDependencyOutside(package.name, path))
        elif not place.exists():
            problems.append(LocalPackageMissing(package.name, path))
    return problems
