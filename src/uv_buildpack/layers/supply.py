"""Files of packages from directories of the user's (`BP_UV_FIND_LINKS`) instead of an index, by name and hash.

`uv sync --frozen` takes packages from the addresses in the lock and from nowhere else: it reads no `UV_FIND_LINKS` for
them (tried with uv 0.13.9). So it gets a copy of the project's directory in which all but the lock are links, and in
whose lock the addresses of local files lead to them. uv checks their hashes as it does for downloads.
How uv chooses among a package's files: https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-resolver/src/lock/mod.rs
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from cnb import toml
from uv_buildpack import decisions as decided
from uv_buildpack.project import selection
from uv_buildpack.project.lockfile import file_name
from uv_buildpack.uv import build_requirements
from uv_buildpack.uv.indexes import without_login

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.decisions import Decisions
    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.lockfile import Artifact, Lock, LockedPackage

_SHOWN = 2
_ALGORITHMS = frozenset({"md5", "sha256", "sha384", "sha512", "blake2b"})
"""Of the hashes that uv knows (`HashAlgorithm`, 0.12.5):
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-pypi-types/src/simple_json.rs"""
_NOBODY = {"registry": "https://index.invalid/simple"}
"""Instead of the address that a package comes from: uv takes no file of this machine for one, and asks no index."""


class Supply(NamedTuple):
    """What the directories have of a lock."""

    files: Mapping[str, Path]
    """Name of a file in the lock → the file, whose hash is right."""
    missing: tuple[str, ...] = ()
    """One line for each package without a local file, and for each build requirement."""
    wrong: tuple[str, ...] = ()
    """One line for each file that has another hash than in the lock."""


def survey(lock: Lock, chosen: Decisions, pyprojects: Mapping[str, Pyproject], places: Sequence[Path]) -> Supply:
    """Look for a file of each package that is installed, and for what building needs. Raises `OSError`."""
    platform, selected = decided.walk(lock, chosen)
    files: dict[str, Path] = {}
    missing: list[str] = []
    wrong: list[str] = []
    sources: dict[str, Path] = {}
    for package in selected:
        if package.local:
            continue
        wanted = _wanted(package, platform, chosen.sdists)
        good, bad = _sorted(wanted, places)
        files |= good
        wrong += [f"{package.name} {package.version}: {path} is not the file in the lock" for path in bad]
        if not (good or bad or any(file.path for file in wanted)):
            missing.append(_lacking(package, wanted))
        if package.name in chosen.sdists:
            sources |= {f"{package.name} {package.version}": path for path in good.values()}
    local = [pyprojects[package.name] for package in chosen.local if package.name in pyprojects]
    missing += build_requirements.lacking(sources, local, places)
    return Supply(files=files, missing=tuple(missing), wrong=tuple(wrong))


def addresses(lock: Lock, files: Collection[str]) -> dict[str, str]:
    """Return the packages that come from an address of their own, whose file is at hand: name → address."""
    return {
        package.name: without_login(package.source)
        for package in lock.packages
        if package.source_kind == "url" and "#" not in package.source and file_name(package.source) in files
    }


def overlay(project: Project, files: Mapping[str, Path], target: Path) -> Path:
    """Make a directory that looks as the app's, with a lock that leads to `files`; return that of the project in it.

    Raises `OSError`.
    """
    root, app_dir = project.root.directory, project.app_dir
    # Real directories on the way: uv looks for the workspace's root above the project, and a link would lead it out.
    real = {place for way in (root, project.directory) for place in (way, *way.parents)}
    _link_all(app_dir, target, real)
    copied = target / root.relative_to(app_dir)
    document = toml.load(project.lock_path)
    for package in document.get("package", ()):
        lead(package, files)
    _replace_sources(document)
    (copied / project.lock_name).unlink()
    toml.dump(copied / project.lock_name, document)
    return target / project.directory.relative_to(app_dir)


def _link_all(directory: Path, target: Path, real: Collection[Path]) -> None:
    target.mkdir()
    for path in directory.iterdir():
        if path in real and not path.is_symlink():
            _link_all(path, target / path.name, real)
        else:
            (target / path.name).symlink_to(path)


def lead(package: dict[str, Any], files: Mapping[str, Path]) -> None:
    """Let local files be those of a package in the lock's document; others stay as they are."""
    archive = package.get("archive", {})  # of a pylock.toml: a package from an address
    name = file_name(archive.get("url", ""))
    if name in files and "subdirectory" not in archive:
        entry = package.pop("archive")
        package.update({"wheels": [entry]} if name.endswith(".whl") else {"sdist": entry})
    address = package.get("source", {}).get("url", "")
    if "sdist" in package and address:
        package["sdist"].setdefault("url", address)
    entries = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
    for entry in entries:
        name = file_name(entry.get("url", ""))
        if name in files:
            entry["url"] = files[name].as_uri()
    at_hand = [wheel for wheel in package.get("wheels", ()) if wheel.get("url", "").startswith("file:")]
    if at_hand:
        # uv would prefer another wheel, which is not there.
        package["wheels"] = at_hand


def _replace_sources(document: dict[str, Any]) -> None:
    """Let packages whose address leads to a file at hand come from an index, and be depended on as such."""
    replaced = []
    for package in document.get("package", ()):
        entries = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        if "url" in package["source"] and any(entry.get("url", "").startswith("file:") for entry in entries):
            replaced.append(package["source"])
            package["source"] = _NOBODY
    for package in document.get("package", ()) if replaced else ():
        tables = (package.get("optional-dependencies", {}), package.get("dev-dependencies", {}))
        lists = [package.get("dependencies", ()), *(each for table in tables for each in table.values())]
        for dependency in (each for dependencies in lists for each in dependencies):
            if dependency.get("source") in replaced:
                dependency["source"] = _NOBODY


def _wanted(package: LockedPackage, platform: selection.Platform, sdists: Collection[str]) -> tuple[Artifact, ...]:
    if package.source_kind == "url" and "#" in package.source:
        return ()  # no index has such a thing, so uv could not be led to the file
    if package.name in sdists and package.sdist is not None:
        return (package.sdist,)
    return selection.candidates(package, platform)


def _sorted(wanted: Iterable[Artifact], places: Sequence[Path]) -> tuple[dict[str, Path], list[Path]]:
    """Sort local files by whether their contents are those that the lock names: right, and wrong."""
    good: dict[str, Path] = {}
    bad: list[Path] = []
    for file in wanted:
        copies = [place / file.filename for place in places if (place / file.filename).is_file()]
        right = next((path for path in copies if _is_right(file, path)), None)
        if right is not None:
            good[file.filename] = right
        else:
            bad += copies
    return good, bad


def _is_right(file: Artifact, path: Path) -> bool:
    algorithm, _, expected = file.hash.partition(":")
    if not expected:
        return True
    if algorithm not in _ALGORITHMS:
        return False
    with path.open("rb") as content:
        return hashlib.file_digest(content, algorithm).hexdigest() == expected


def _lacking(package: LockedPackage, wanted: Sequence[Artifact]) -> str:
    name = f"{package.name} {package.version}"
    if package.source_kind == "git":
        return f"{name} comes from a git repository, which needs the network"
    if package.source_kind == "url" and "#" in package.source:
        return f"{name} is a directory of an archive ({without_login(package.source)}), which needs the network"
    shown = " or ".join(file.filename for file in wanted[:_SHOWN])
    more = f" (or {len(wanted) - _SHOWN} others)" if len(wanted) > _SHOWN else ""
    return f"{name}: {shown}{more} is missing"
