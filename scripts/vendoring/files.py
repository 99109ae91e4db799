"""Which files a build needs of a lock, and where they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from packaging.utils import canonicalize_name

from cnb import toml
from uv_buildpack.project import locks, selection
from uv_buildpack.project.lockfile import file_name
from uv_buildpack.uv.indexes import Indexes

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.analysis import Analysis
    from uv_buildpack.project.lockfile import Artifact, LockedPackage
    from uv_buildpack.uv.indexes import Index


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that the lock names: its name, hash and address, and the address of the index that it belongs to."""

    name: str
    hash: str
    url: str
    registry: str
    is_source: bool

    def is_right(self, path: Path) -> bool:
        """Return whether a file is there and is this one."""
        if not path.is_file():
            return False
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == self.hash.removeprefix("sha256:")


def wanted_files(analysis: Analysis, libc: str) -> list[Wanted]:
    """Return the files of the packages that a build selects: every wheel that fits, since images differ, or the source.

    Files of git repositories and of the app directory are not among them. Raises `Problem`.
    """
    project, decided = analysis.project, analysis.decisions
    lock = locks.read(project)
    python = decided.python
    platform = selection.Platform(
        python=python.version, machine=python.arch, libc=libc, freethreaded=python.freethreaded
    )
    addresses = _addresses(project.lock_path)
    found = []
    for package in selection.select(lock, decided.choice, platform):
        for file in [] if package.local else _files(package, platform, decided.sdists):
            if url := addresses.get((package.name, file.filename)):
                source = package.sdist is not None and file.filename == package.sdist.filename
                found.append(Wanted(file.filename, file.hash, url, package.source, is_source=source))
    return found


def with_login(file: Wanted, known: Sequence[Index], variables: Mapping[str, str]) -> str:
    """Return the address of a file with the credentials of its index, if it is on the same host."""
    index = Indexes(known, (("file", file.registry),)).of_package("file")
    if index is None or urlsplit(index.url).hostname != urlsplit(file.url).hostname:
        return file.url
    return address_with_login(file.url, index, variables)


def address_with_login(url: str, index: Index, variables: Mapping[str, str]) -> str:
    """Return an address with the credentials that an index has, in variables or in its own address."""
    parts = urlsplit(url)
    user, password = (variables.get(f"{index.prefix}_{part}", "") for part in ("USERNAME", "PASSWORD"))
    login = f"{quote(user, safe='')}:{quote(password, safe='')}" if index.prefix and (user or password) else ""
    login = login or urlsplit(index.url).netloc.rpartition("@")[0]
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}@{place}")) if login else url


def _files(package: LockedPackage, platform: selection.Platform, sdists: Collection[str]) -> Sequence[Artifact]:
    if package.name in sdists and package.sdist is not None:
        return (package.sdist,)
    return selection.candidates(package, platform)


def _addresses(lock: Path) -> dict[tuple[str, str], str]:
    """Return the address of each file in a lock, by package and name; those of this machine have none."""
    found: dict[tuple[str, str], str] = {}
    document = toml.load(lock)
    # In uv.lock a package from an address has it as its source; in pylock.toml such a file is an archive.
    for package in (*document.get("package", ()), *document.get("packages", ())):
        single = (package[key] for key in ("sdist", "archive") if key in package)
        for entry in (*package.get("wheels", ()), *single):
            if url := entry.get("url") or package.get("source", {}).get("url", ""):
                found[canonicalize_name(package["name"]), entry.get("name") or file_name(url)] = url
    return found
