"""Unpacking `tar.gz` and `tar.zst` archives safely: nothing can be written, or point, outside the target."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from uv_buildpack.downloads import zstandard
from uv_buildpack.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCK = 256 * 1024
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
        made: set[PurePosixPath] = set()
        with _opened(archive) as tar:
            for member in tar:
                path = PurePosixPath(*_safe(archive, member.name).parts[strip_components:])
                if path.parts and wanted(path):
                    _make_directories(archive, target, path if member.isdir() else path.parent, made)
                    _extract(archive, tar, member, target, path, strip_components)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, zlib.error) as error:
        raise ArchiveInvalid(archive.name, str(error)) from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError, FileNotFoundError) as error:
        raise ArchiveInvalid(archive.name, f"{error.strerror}: {error.filename}") from error


def _extract(  # noqa: PLR0913, PLR0917 (one member, and all that is known of it)
    archive: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, path: PurePosixPath, strip: int
) -> None:
    place = target / path
    if member.isdir():
        return
    place.unlink(missing_ok=True)
    if member.issym():
        _check_link(archive, path, member.linkname)
        place.symlink_to(member.linkname)
    elif member.islnk():
        source = target / PurePosixPath(*_safe(archive, member.linkname).parts[strip:])
        if source.is_symlink():
            raise ArchiveInvalid(archive.name, f"{member.name} is a hard link to a symbolic link")
        place.hardlink_to(source)
    elif member.isreg():
        _write(place, cast("IO[bytes]", tar.extractfile(member)))
        place.chmod(0o755 if member.mode & 0o100 else 0o644)
    else:
        raise ArchiveInvalid(archive.name, f"{member.name} is neither a file, a directory nor a link")


def _write(place: Path, content: IO[bytes]) -> None:
    with place.open("xb") as file:
        while block := content.read(_BLOCK):
            file.write(block)


def _make_directories(archive: Path, target: Path, path: PurePosixPath, made: set[PurePosixPath]) -> None:
    """Make the directories of `path` one by one; none of them may be a link, which could lead outside.

    Those that were `made` are directories for good: nothing replaces one.
    """
    if path in made:
        return
    made.add(path)
    place = target
    for part in path.parts:
        place /= part
        if place.is_symlink():
            raise ArchiveInvalid(archive.name, f"{path} leads through a symbolic link")
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o755)


def _safe(archive: Path, name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ArchiveInvalid(archive.name, f"{name} leads out of the target")
    return path


def _check_link(archive: Path, path: PurePosixPath, link: str) -> None:
    """Refuse links out of the target. `..` may only come first: after a name, which may be a link, it goes anywhere."""
    parts = PurePosixPath(link).parts
    upward = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if link.startswith("/") or ".." in parts[upward:] or upward >= len(path.parts):
        raise ArchiveInvalid(archive.name, f"the link {path} leads out of the target: {link}")


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    with archive.open("rb") as raw, _decompressed(raw) as stream:
        with tarfile.open(fileobj=stream, mode="r|", bufsize=_BLOCK) as tar:
            yield tar
        # tarfile stops at the last entry; whether the file is whole is only known at the end.
        while stream.read(_BLOCK):
            pass


@contextmanager
def _decompressed(raw: IO[bytes]) -> Iterator[IO[bytes]]:
    beginning = raw.read(len(_ZSTD_MAGIC))
    raw.seek(0)
    if beginning != _ZSTD_MAGIC:
        with gzip.open(raw) as stream:
            yield cast("IO[bytes]", stream)
        return
    with zstandard.opened(raw) as stream:
        yield stream
