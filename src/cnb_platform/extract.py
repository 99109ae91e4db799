"""Unpacking layer archives onto this machine."""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

Target = Callable[[str], Path | None]


class UnsafeArchive(Exception):
    """An archive holds something that must not or cannot be put on disk."""


def extract(archive: IO[bytes], target: Target) -> None:
    """Unpack a tar stream; `target` maps a member's absolute name to its path on disk, or to None to leave it out.

    Mode bits are kept, times are those of unpacking, owners those of this process. Existing directories are reused.
    Raises UnsafeArchive for `..`, for a member below a symbolic link, and for anything but files, directories and
    links (contract, §10); tarfile.TarError and OSError for a damaged stream.
    """
    modes: list[tuple[Path, int]] = []
    real: set[str] = set()
    with tarfile.open(fileobj=archive, mode="r|") as members:
        for member in members:
            name = "/" + member.name.strip("/")
            if ".." in name.split("/"):
                message = f"{member.name} leads out of its directory"
                raise UnsafeArchive(message)
            path = target(name)
            if path is None:
                continue
            _check_parent(path, real)
            _unpack(members, member, path)
            if member.isdir():
                modes.append((path, member.mode))
    for path, mode in reversed(modes):  # last, deepest first: a read-only directory must take its files before
        path.chmod(mode & 0o7777)


def _check_parent(path: Path, real: set[str]) -> None:
    parent = os.path.dirname(path)  # noqa: PTH120 - hot loop
    if parent in real:
        return
    os.makedirs(parent, exist_ok=True)  # noqa: PTH103 - hot loop
    if os.path.realpath(parent) != os.path.join(os.path.realpath(os.path.dirname(parent)), os.path.basename(parent)):  # noqa: PTH118, PTH119, PTH120
        message = f"{path} lies below a symbolic link"
        raise UnsafeArchive(message)
    real.add(parent)


def _unpack(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if member.isdir():
        path.mkdir(exist_ok=True)
    elif member.isreg():
        _write(members.extractfile(member), path, member.mode & 0o7777)
    elif member.issym():
        path.symlink_to(member.linkname)
    else:
        message = f"{member.name} is neither a file, a directory nor a symbolic link"
        raise UnsafeArchive(message)


def _write(source: IO[bytes] | None, path: Path, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as opened:
        while source is not None and (piece := source.read(1 << 20)):
            opened.write(piece)
        os.fchmod(opened.fileno(), mode)
