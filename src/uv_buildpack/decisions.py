"""What follows from a project's files and settings, the interpreter and the packages: a value to store and recall."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cnb.documents import Table, json_table
from uv_buildpack.errors import NoCompatibleDistribution
from uv_buildpack.interpreter.catalogue import CPythonBuild, read_build
from uv_buildpack.project import selection
from uv_buildpack.project.local_packages import LocalPackage, local_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from uv_buildpack.interpreter.request import PythonRequest
    from uv_buildpack.project.lockfile import Lock, LockedPackage


LAYER = "venv"
"""The layer whose metadata holds what was decided: the environment, which no build is without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What follows from the files and settings, apart from the state of layers."""

    python: CPythonBuild
    python_reason: str
    choice: selection.Choice
    packages: Mapping[str, str]
    """Third-party packages: name → identity."""
    sdists: tuple[str, ...]
    """Names of third-party packages that have to be built from source."""
    local: tuple[LocalPackage, ...]
    files: tuple[str, ...]
    """Files that third-party packages may be installed from, relative to the lock: a flat index, `find-links`."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What was asked for, and the builds that meet it: one for each minor, newest first."""

    request: PythonRequest
    builds: Sequence[CPythonBuild]


def decide(  # noqa: PLR0913 (each is one fact that decides)
    lock: Lock,
    choice: selection.Choice,
    candidates: Candidates,
    *,
    no_editable: bool,
    source_only: Callable[[str], bool],
    digest_of: Callable[[str], str],
) -> Decisions:
    """Choose the interpreter among the candidates and walk the lock for it.

    Without an exact request wheels decide: the newest minor for which no package has to be built from source that has
    a wheel for another one. `source_only` tells whether a package is built though it has a wheel, `digest_of` gives the
    digest of a file relative to the lock. Raises `NoCompatibleDistribution`.
    """
    walks = [_walk(lock, choice, build) for build in candidates.builds]
    index, reason = _best(walks, candidates.request)
    platform, selected = walks[index]
    third_party = [package for package in selected if not package.local]
    lines = selection.uninstallable(lock, third_party, platform)
    if lines:
        raise NoCompatibleDistribution("Reading uv.lock", lines)
    return Decisions(
        python=candidates.builds[index],
        python_reason=reason,
        choice=choice,
        packages={package.name: selection.identity(package, platform, digest_of) for package in third_party},
        sdists=tuple(
            package.name
            for package in third_party
            if source_only(package.name) or not selection.compatible_wheels(package, platform)
        ),
        local=local_packages(selected, no_editable=no_editable),
        files=tuple(
            sorted(
                file.path
                for package in third_party
                for file in selection.candidates(package, platform)
                if file.path is not None
            )
        ),
    )


def installed(lock: Lock, decisions: Decisions) -> dict[str, str]:
    """Give name → version and source of what a lock installs with these decisions; local packages by source alone."""
    return {
        package.name: package.source if package.local else f"{package.version} ({package.source})"
        for package in _walk(lock, decisions.choice, decisions.python)[1]
    }


def write(decisions: Decisions) -> str:
    """Write decisions as layer metadata has them, without the packages: those are in the layer's key."""
    document = asdict(decisions)
    del document["packages"]
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def read(metadata: Mapping[str, object]) -> Decisions:
    """Read decisions from layer metadata. Raises `DocumentError`: another version wrote them, or nobody did."""
    stored = Table(metadata, "venv.toml")
    document = json_table(stored.text("decisions"), "decisions")
    packages = json_table(stored.text("packages"), "packages")
    choice = document.table("choice")
    return Decisions(
        python=read_build(document.table("python")),
        python_reason=document.text("python_reason"),
        choice=selection.Choice(**{name: choice.texts(name) for name in ("packages", "extras", "groups")}),
        packages={name: packages.text(name) for name in packages.values},
        sdists=document.texts("sdists"),
        local=tuple(_local_package(entry) for entry in document.tables("local")),
        files=document.texts("files"),
    )


def _local_package(entry: Table) -> LocalPackage:
    return LocalPackage(
        name=entry.text("name"), path=entry.text("path"), editable=bool(entry.optional_boolean("editable"))
    )


_Walk = tuple[selection.Platform, "tuple[LockedPackage, ...]"]


def _walk(lock: Lock, choice: selection.Choice, build: CPythonBuild) -> _Walk:
    platform = selection.Platform(
        python=build.version, machine=build.arch, libc=build.libc, freethreaded=build.freethreaded
    )
    return platform, selection.select(lock, choice, platform)


def _best(walks: Sequence[_Walk], request: PythonRequest) -> tuple[int, str]:
    reason = f"newest for {request.text} ({request.origin})"
    lacking = [
        {package.name for package in packages if package.wheels and not selection.compatible_wheels(package, platform)}
        for platform, packages in walks
    ]
    # What has no wheel for any of them decides nothing.
    always = set.intersection(*lacking)
    index = next((index for index, names in enumerate(lacking) if names <= always), 0)
    if index == 0:
        return 0, reason
    without = ", ".join(sorted(lacking[0] - always))
    return index, f"{reason} that has a wheel of {without}"
