"""Unpacking `tar.gz` and `tar.zst` archives safely: nothing can be written, or point, outside the target.

What archives can do, and what tarfile's own filters (CPython 3.11.4 and newer) refuse: https://peps.python.org/pep-0706/
"""

from __future__ import annotations

import errno
import gzip
import tarfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from uv_buildpack.downloads import zstandard
from uv_buildpack.errors import ArchiveInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLOCK = 256 * 1024
_LARGEST_TREE = 2 * 1024**3
"""Bytes. An installation of CPython with all that is pruned from it has 400 MB."""
_MOST_ENTRIES = 1_000_000
_FAULTS_OF_ARCHIVES = frozenset(
    (
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.EMLINK,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EPERM,  # a hard link to a directory
    )
)
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


def extract(  # noqa: PLR0913 (what is unpacked, where, and how much of it)
    archive: Path,
    target: Path,
    *,
    shown: str = "",
    strip_components: int = 0,
    max_bytes: int = _LARGEST_TREE,
    wanted: Callable[[PurePosixPath], bool] = lambda _: True,
) -> None:
    """Unpack regular files, directories and links into the existing directory `target`.

    `wanted` gets the path after `strip_components` leading parts were taken off. Modes become 0755 or 0644 whatever the
    umask, owners and times are dropped. Messages call the archive `shown`. Raises `ArchiveInvalid` (absolute paths,
    `..`, links that leave the target, devices, names that no file system takes, more than `max_bytes` or a million
    entries, a damaged archive) and `OSError`.
    """
    unpacking = _Unpacking(shown or archive.name, target, strip_components, max_bytes)
    try:
        with _opened(archive) as tar:
            for number, member in enumerate(tar):
                path = PurePosixPath(*unpacking.safe(member.name).parts[strip_components:])
                if number >= _MOST_ENTRIES:
                    raise ArchiveInvalid(unpacking.shown, f"it has more than {_MOST_ENTRIES} entries")
                # Also of what is not wanted: it is decompressed all the same.
                unpacking.count(member)
                if path.parts and wanted(path):
                    # Archives need not name the directories of their files.
                    unpacking.make_directories(path if member.isdir() else path.parent)
                    unpacking.extract(tar, member, path)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, zlib.error) as error:
        raise ArchiveInvalid(unpacking.shown, str(error)) from error
    except RecursionError as error:  # tarfile reads a chain of extended headers by recursion
        raise ArchiveInvalid(unpacking.shown, "its headers are chained too deeply") from error
    except OSError as error:
        if error.errno not in _FAULTS_OF_ARCHIVES:
            raise
        raise ArchiveInvalid(unpacking.shown, f"{error.strerror}: {error.filename}") from error


@dataclass(frozen=True, slots=True)
class _Unpacking:
    """Where an archive goes, and what has been made of it."""

    shown: str
    target: Path
    strip: int
    max_bytes: int
    made: set[PurePosixPath] = field(default_factory=set)
    sizes: list[int] = field(default_factory=lambda: [0])

    def count(self, member: tarfile.TarInfo) -> None:
        """Add up what files unpack to."""
        self.sizes[0] += member.size
        if self.sizes[0] > self.max_bytes:
            raise ArchiveInvalid(self.shown, f"it unpacks to more than {self.max_bytes // 1024**2} MiB")

    def extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo, path: PurePosixPath) -> None:
        """Make one entry."""
        place = self.target / path
        if member.isdir():
            return
        place.unlink(missing_ok=True)
        if member.issym():
            self._check_link(path, member.linkname)
            place.symlink_to(member.linkname)
        elif member.islnk():
            source = self.target / PurePosixPath(*self.safe(member.linkname).parts[self.strip :])
            if source.is_symlink():
                raise ArchiveInvalid(self.shown, f"{member.name} is a hard link to a symbolic link")
            place.hardlink_to(source)
        elif member.isreg():
            _write(place, cast("IO[bytes]", tar.extractfile(member)))
            place.chmod(0o755 if member.mode & 0o100 else 0o644)
        else:
            raise ArchiveInvalid(self.shown, f"{member.name} is neither a file, a directory nor a link")

    def make_directories(self, path: PurePosixPath) -> None:
        """Make the directories of `path` one by one; none of them may be a link, which could lead outside.

        Those that were `made` are directories for good: nothing replaces one.
        """
        if path in self.made:
            return
        self.made.add(path)
        place = self.target
        for part in path.parts:
            place /= part
            if place.is_symlink():
                raise ArchiveInvalid(self.shown, f"{path} leads through a symbolic link")
            if not place.is_dir():
                place.mkdir()
                place.chmod(0o755)

    def safe(self, name: str) -> PurePosixPath:
        """Return a path that is inside the target. Raises `ArchiveInvalid`."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise ArchiveInvalid(self.shown, f"{name} leads out of the target")
        return path

    def _check_link(self, path: PurePosixPath, link: str) -> None:
        """Refuse links out of the target. `..` may only come first: after a name (of a link, say) it goes anywhere."""
        parts = PurePosixPath(link).parts
        upward = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
        if link.startswith("/") or ".." in parts[upward:] or upward >= len(path.parts):
            raise ArchiveInvalid(self.shown, f"the link {path} leads out of the target: {link}")


def _write(place: Path, content: IO[bytes]) -> None:
    with place.open("xb") as file:
        while block := content.read(_BLOCK):
            file.write(block)


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
