"""Unpacking layer archives onto this machine."""

import os
import stat
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_SMALL = 1 << 20


class UnsafeArchive(Exception):
    """An archive holds something that must not or cannot be put on disk."""


def extract(archive: IO[bytes], roots: Mapping[str, Path]) -> int:
    """Unpack a tar stream; `roots` maps absolute names of directories in it to paths, members elsewhere are left out.

    Returns how many members were unpacked. Mode bits are kept, times are those of unpacking, owners those of this
    process. Existing directories are reused.
    Raises UnsafeArchive for `..`, for a member below a symbolic link, and for anything but files, directories and
    links, which cached layers never hold; tarfile.TarError and OSError for a damaged stream.
    """
    ground = _Ground({name.rstrip("/"): str(path) for name, path in roots.items()})
    modes: list[tuple[str, int]] = []
    count = 0
    with tarfile.open(fileobj=archive, mode="r|") as members:
        for member in members:
            path = ground.place("/" + member.name.strip("/"))
            if path is None:
                continue
            count += 1
            if member.isdir():
                ground.enter(path)
                modes.append((path, member.mode & 0o7777))
            else:
                ground.enter(os.path.dirname(path))  # noqa: PTH120 - hot loop
                _unpack(members, member, path)
    for path, mode in reversed(modes):  # last, deepest first: a read-only directory must take its files before
        os.chmod(path, mode)  # noqa: PTH101 - hot loop
    return count


@dataclass(slots=True)
class _Ground:
    """Where members may go, and the directories that are known to be real ones."""

    roots: Mapping[str, str]
    real: set[str] = field(default_factory=set)

    def place(self, name: str) -> str | None:
        """Return the path for a member, or None for one that is left out. Raises UnsafeArchive."""
        for root, path in self.roots.items():
            if name == root or name.startswith(f"{root}/"):
                if ".." in name.split("/"):
                    raise UnsafeArchive(f"{name} leads out of its directory")
                self._begin(path)
                return path + name[len(root) :]
        return None

    def _begin(self, root: str) -> None:
        """Begin with the root: what lies above it is the caller's, links included."""
        parent = os.path.dirname(root)  # noqa: PTH120 - hot loop
        if parent not in self.real:
            os.makedirs(parent, exist_ok=True)  # noqa: PTH103 - hot loop
            self.real.add(parent)

    def enter(self, directory: str) -> None:
        """Make a directory and those above it, none of which may be a link. Raises UnsafeArchive."""
        if directory in self.real:
            return
        self.enter(os.path.dirname(directory))  # noqa: PTH120 - hot loop
        try:
            os.mkdir(directory)  # noqa: PTH102 - hot loop
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(directory).st_mode):
                raise UnsafeArchive(f"{directory} is a link or a file, and a directory at once") from None
        self.real.add(directory)


def _unpack(members: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    if member.isreg():
        _write(members.extractfile(member), path, member.mode & 0o7777)
    elif member.issym():
        os.symlink(member.linkname, path)  # noqa: PTH211 - hot loop
    else:
        raise UnsafeArchive(f"{member.name} is neither a file, a directory nor a symbolic link")


def _write(source: IO[bytes] | None, path: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while source is not None and (piece := source.read(_SMALL)):
            written = os.write(descriptor, piece)
            while written < len(piece):
                written += os.write(descriptor, piece[written:])
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
