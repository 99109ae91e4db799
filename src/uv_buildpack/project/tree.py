"""Digests and listings of source trees, without times: a platform extracts the app for each build."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from uv_buildpack.errors import FileUnreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

Listing = dict[Path, tuple[int, int]]
"""Files with their size and time of modification in nanoseconds."""


_PYTHONS = ("bin/python", "Scripts/python.exe")
"""What a virtual environment has."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file. Raises `FileUnreadable`, `OSError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except PermissionError as error:
        raise FileUnreadable(str(path), str(error.strerror)) from None


def digest(directory: Path) -> str:
    """Return the digest of a tree: names, contents, executable bits, link targets, state of git. Raises `OSError`."""
    return digest_of(directory, source_files(directory), vcs_state(directory))


def digest_of(directory: Path, files: Iterable[Path], names: Iterable[str]) -> str:
    """Return the digest of some files below a directory and of some names. Raises `OSError`."""
    total = hashlib.sha256()
    for path in files:
        kind, content = _described(path)
        total.update(f"{kind} {path.relative_to(directory).as_posix()}\0{content}\0".encode("utf-8", "surrogateescape"))
    for name in names:
        total.update(f"name {name}\0".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _described(path: Path) -> tuple[str, str]:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "link", str(path.readlink())
    if not stat.S_ISREG(mode):
        return "special", ""  # a pipe or a socket: reading it would wait for somebody to write
    return "run" if mode & 0o100 else "file", file_digest(path)


def copy(directory: Path, target: Path) -> Path:
    """Copy a tree without what is no source (other tools' output, pipes, sockets), and return `target`.

    Raises `FileUnreadable`, `OSError`.
    """

    def no_source(parent: str, names: list[str]) -> set[str]:
        return {name for name in names if not _is_source(parent, name) or _is_special(Path(parent, name))}

    try:
        shutil.copytree(directory, target, symlinks=True, ignore=no_source)
    except RecursionError:
        raise FileUnreadable(str(directory), "Its directories are nested too deeply.") from None
    except shutil.Error as error:
        source, _, reason = error.args[0][0]
        if os.strerror(errno.ENOSPC) in reason:
            raise OSError(errno.ENOSPC, reason) from None
        raise FileUnreadable(source, reason) from None
    for place in (target, *directories(target)):
        if not place.is_symlink():
            place.chmod(place.stat().st_mode | stat.S_IRWXU)  # a backend writes into its tree
    return target


def _is_source(parent: str, name: str) -> bool:
    """Return whether something may be the source of a package: not bytecode, and no virtual environment.

    All else counts, whatever its name: a wheel may have `node_modules` in it, or a template of an environment.
    """
    if name == "__pycache__":
        return False
    place = Path(parent, name)
    return not ((place / "pyvenv.cfg").exists() and any(os.path.lexists(place / path) for path in _PYTHONS))


def _is_special(path: Path) -> bool:
    mode = path.lstat().st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))


def sizes(directory: Path) -> list[int]:
    """Return the bytes of each file below a directory, links as themselves. Raises `OSError`."""
    return [(Path(parent) / name).lstat().st_size for parent, _, names in os.walk(directory) for name in names]


def vcs_state(directory: Path) -> list[str]:
    """Return what a version taken from git depends on beside the tree: the commit, branches and tags.

    Not the whole `.git`: its index holds inode numbers and times, which every checkout changes
    (https://git-scm.com/docs/index-format).
    """
    for place in (directory, *directory.parents):
        git = place / ".git"
        if git.is_dir():
            files = [git / "HEAD", git / "packed-refs", *sorted((git / "refs").rglob("*"))]
            return [f"{path.relative_to(git)} {path.read_text(errors='replace')}" for path in files if path.is_file()]
    return []


def listing(directory: Path) -> Listing:
    """Return each file below a directory with its size and time of modification in nanoseconds."""
    # Not by contents: trees are listed before and after each run of a backend.
    return {path: (status.st_size, status.st_mtime_ns) for path, status in _statuses(directory)}


def changed_since(directory: Path, before: Listing) -> list[Path]:
    """Return the files that are new or changed since `before` was listed, sorted."""
    return sorted(path for path, seen in listing(directory).items() if before.get(path) != seen)


def directories(top: Path) -> set[Path]:
    """Return all directories below `top`, whatever is in them."""
    return {Path(parent, name) for parent, names, _ in os.walk(top) for name in names}


def remove_new_directories(top: Path, before: Collection[Path]) -> None:
    """Remove the directories below `top` that are not among those of `before`, as far as they are empty."""
    for directory in sorted(directories(top).difference(before), reverse=True):
        if not directory.is_symlink() and not any(directory.iterdir()):
            directory.rmdir()


def _refuse(error: OSError) -> NoReturn:
    """Raise `FileUnreadable`: a directory that cannot be read is not an empty one."""
    raise FileUnreadable(str(error.filename), str(error.strerror)) from None


def source_files(directory: Path) -> list[Path]:
    """Return the files of a source tree, sorted, links to directories included. Raises `FileUnreadable`, `OSError`."""
    return sorted(path for path, _ in _statuses(directory))


def _statuses(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for parent, names, files in os.walk(directory, onerror=_refuse):
        names[:] = [name for name in names if name != ".git" and _is_source(parent, name)]
        # A link to a directory is source too: its target is what counts.
        links = [name for name in names if (Path(parent) / name).is_symlink()]
        for name in (*files, *links):
            path = Path(parent) / name
            yield path, path.lstat()
