"""Unpacking `tar.gz` and `tar.zst` archives safely: nothing can be written, or point, outside the target."""

from __future__ import annotations

import os
import tarfile
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from uv_buildpack.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def extract(
    archive: Path,
    target: Path,
    *,
    strip_components: int = 0,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
) -> None:
    """Unpack regular files, directories and links into the existing directory `target`.

    `wanted` gets the path after `strip_components` leading parts were taken off. Modes become 0755 or 0644 whatever the
    umask, owners and times are dropped. Raises `ArchiveInvalid` (absolute paths, `..`, links that leave the target,
    devices, a damaged archive) and `OSError`.
    """
    try:
        with _opened(archive) as tar:
            for member in tar:
                path = PurePosixPath(*_safe(archive, member.name).parts[strip_components:])
                if path.parts and wanted(path):
                    _extract(archive, tar, member, target, path, strip_components)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise ArchiveInvalid(archive.name, str(error)) from error


def _extract(  # noqa: PLR0913, PLR0917 (one member, and all that is known of it)
    archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, path: PurePosixPath, strip: int
) -> None:
    place = target / path
    _make_directories(target, path if member.isdir() else path.parent)
    if member.isdir():
        return
    if place.is_symlink() or place.exists():
        place.unlink()
    if member.issym():
        _check_link(archive, path, member.linkname)
        place.symlink_to(member.linkname)
    elif member.islnk():
        source = target / PurePosixPath(*_safe(archive, member.linkname).parts[strip:])
        if source.is_symlink():
            raise ArchiveInvalid(archive.name, f"{member.name} is a hard link to a symbolic link")
        os.link(source, place)
    elif member.isreg():
        content = cast("IO[bytes]", tar.extractfile(member))
        with place.open("xb") as file:
            while block := content.read(1024 * 1024):
                file.write(block)
        place.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise ArchiveInvalid(archive.name, f"{member.name} is neither a file, a directory nor a link")


def _make_directories(target: Path, path: PurePosixPath) -> None:
    """Make the directories of `path` one by one; none of them may be a link, which could lead outside."""
    place = target
    for part in path.parts:
        place /= part
        if place.is_symlink():
            raise ArchiveInvalid(place.name, f"{path} leads through a symbolic link")
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o755)


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ArchiveInvalid(archive.name, f"{name} leads out of the target")
    return path


def _check_link(archive: Path, path: PurePosixPath, link: str) -> None:
    depth = len(path.parts) - 1
    for part in PurePosixPath(link).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            break
    if PurePosixPath(link).is_absolute() or depth < 0:
        raise ArchiveInvalid(archive.name, f"the link {path} leads out of the target: {link}")


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    with archive.open("rb") as raw:
        compressed = raw.read(4)
        raw.seek(0)
        if compressed == _ZSTD_MAGIC:
            with _zstd(raw) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
                yield tar
        else:
            with tarfile.open(fileobj=raw, mode="r|gz") as tar:
                yield tar


def _zstd(raw: IO[bytes]) -> IO[bytes]:
    try:
        from compression import zstd  # noqa: PLC0415 (CPython 3.14 and newer)
    except ModuleNotFoundError:
        from backports import zstd  # noqa: PLC0415 (carried where the runtime is older)
    return cast("IO[bytes]", zstd.ZstdFile(raw))
