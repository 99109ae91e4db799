"""What of the data is behind: `scripts/refresh-releases --check` says it, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.version import Version

from buildpackage.runtimes import MACHINES, TESTED, carried
from uv_buildpack.interpreter.catalogue import CPythonBuild

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from releases.source import Document


def behind(*, ours: Document, newest: Document, uv: Mapping[str, str], ends: Mapping[str, str]) -> list[str]:
    """Return a line for each thing that is behind; none where all is fresh.

    `ours` and `newest` are catalogues of CPython builds, ours and one made from the newest uv; `uv` has the versions
    that are carried (`carried`) and published (`newest`); `ends` are the end-of-life dates by minor.
    """
    return [*_uv(uv), *_builds(_read(ours), _read(newest)), *_ends(_read(newest), ends), *_runtime(_read(newest))]


def _uv(versions: Mapping[str, str]) -> Iterator[str]:
    if Version(versions["carried"]) < Version(versions["newest"]):
        yield f"uv: {versions['carried']} is carried, {versions['newest']} is the newest"


def _builds(ours: list[CPythonBuild], newest: list[CPythonBuild]) -> Iterator[str]:
    known = {_place(build) for build in ours}
    missing = {Version(build.version): build.date for build in newest if _place(build) not in known}
    for version in sorted(missing):
        yield f"catalogue: CPython {version} of {missing[version]} is not in it"
    later = max(build.date for build in newest)
    if missing and max(build.date for build in ours) < later:
        yield f"catalogue: the newest build in it is of {max(build.date for build in ours)}, there are some of {later}"


def _place(build: CPythonBuild) -> tuple[str, ...]:
    return build.version, build.date, build.arch, build.libc, build.variant


def _ends(builds: Iterable[CPythonBuild], ends: Mapping[str, str]) -> Iterator[str]:
    stable = {Version(build.version).release[:2] for build in builds if not Version(build.version).is_prerelease}
    for major, minor in sorted(stable):
        if f"{major}.{minor}" not in ends:
            yield f"eol.json: the end of life of Python {major}.{minor} is missing"


def _runtime(builds: list[CPythonBuild]) -> Iterator[str]:
    """Return lines if the carried Python is not the one that most apps get: see decision 0008."""
    stable = [Version(build.version) for build in builds if not Version(build.version).is_prerelease]
    default = max(stable).release[:2]
    for machine in MACHINES:
        build = carried(builds, machine)
        if Version(build.version).release[:2] < default:
            tested = ".".join(str(part) for part in TESTED)
            yield (
                f"runtime for {machine}: CPython {build.version} is carried, most apps get {default[0]}.{default[1]}"
                f" (tested up to {tested})"
            )


def _read(document: Document) -> list[CPythonBuild]:
    return [CPythonBuild(**build) for build in document["builds"]]
