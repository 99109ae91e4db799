"""Layer archives, byte for byte as Go's archive/tar writes them, so that diffIDs equal the lifecycle's.

Python's tarfile makes valid archives with other bytes: a slash after directories, empty device fields, another split
of long names, other PAX headers. Times and owners' names are fixed, so equal trees give equal archives.
"""

import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cnb_platform.errors import ExportFailed

MTIME = 315532801  # 1980-01-01T00:00:01Z, what the lifecycle gives every entry
BLOCK = 512
NAME_LIMIT = 100
PREFIX_LIMIT = 155
CHUNK = 1 << 20

FILE, SYMLINK, DIRECTORY, PAX = b"0", b"2", b"5", b"x"


@dataclass(frozen=True, slots=True)
class Owner:
    """The numeric user and group of an entry."""

    uid: int
    gid: int


ROOT = Owner(0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One member: `name` absolute and without a trailing slash; contents from `content` or, if None, from `source`."""

    name: bytes
    mode: int
    owner: Owner
    kind: bytes = DIRECTORY
    size: int = 0
    link: bytes = b""
    source: bytes = b""
    content: bytes | None = None


def directory(name: str, owner: Owner, mode: int = 0o755) -> Entry:
    """Return a directory that need not exist on disk."""
    return Entry(name=name.encode(), mode=mode, owner=owner)


def file(name: str, content: bytes, owner: Owner, mode: int = 0o644) -> Entry:
    """Return a regular file with the contents given."""
    return Entry(name=name.encode(), mode=mode, owner=owner, kind=FILE, size=len(content), content=content)


def symlink(name: str, target: str, owner: Owner, mode: int = 0o777) -> Entry:
    """Return a symbolic link."""
    return Entry(name=name.encode(), mode=mode, owner=owner, kind=SYMLINK, link=target.encode())


def tree(root: Path, name: str, owner: Owner) -> Iterator[Entry]:
    """Return the directory `root` and all below it, depth first, siblings in byte order, under `name` in the archive.

    Hard links become full files and extended attributes are lost, as in the lifecycle; sockets are left out.
    Raises ExportFailed for a device or a fifo, which the lifecycle could not restore.
    """
    source = os.fsencode(root)
    yield entry_of(source, os.fsencode(name), os.lstat(source), owner)
    yield from _below(source, os.fsencode(name), owner)


def _below(source: bytes, name: bytes, owner: Owner) -> Iterator[Entry]:
    with os.scandir(source) as scan:
        children = sorted(scan, key=lambda child: child.name)
    for child in children:
        status = child.stat(follow_symlinks=False)
        if stat.S_ISSOCK(status.st_mode):
            continue
        child_name = name + b"/" + child.name
        yield entry_of(child.path, child_name, status, owner)
        if stat.S_ISDIR(status.st_mode):
            yield from _below(child.path, child_name, owner)


def entry_of(source: bytes, name: bytes, status: os.stat_result, owner: Owner) -> Entry:
    """Return the entry for one path on disk; raises ExportFailed for what is neither file, directory nor link."""
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode):
        return Entry(name, mode, owner, FILE, status.st_size, source=source)
    if stat.S_ISDIR(status.st_mode):
        return Entry(name, mode, owner)
    if stat.S_ISLNK(status.st_mode):
        return Entry(name, mode, owner, SYMLINK, link=os.readlink(source))  # noqa: PTH115 - bytes
    message = f"{os.fsdecode(source)} is neither a file, a directory nor a symbolic link: it cannot be restored later"
    raise ExportFailed(message)


def stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Return the archive in pieces of about a mebibyte."""
    pending = bytearray()
    for entry in entries:
        pending += header(entry)
        if entry.size:
            yield from _contents(entry, pending)
        if len(pending) >= CHUNK:
            yield bytes(pending)
            pending.clear()
    pending += bytes(2 * BLOCK)
    yield bytes(pending)


def _contents(entry: Entry, pending: bytearray) -> Iterator[bytes]:
    if entry.content is not None:
        pending += entry.content
    elif entry.size < CHUNK:
        pending += _small_file(entry)
    else:
        yield bytes(pending)
        pending.clear()
        yield from _large_file(entry)
    pending += bytes(-entry.size % BLOCK)


def _small_file(entry: Entry) -> bytes:
    descriptor = os.open(entry.source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, entry.size + 1)
    finally:
        os.close(descriptor)
    return _checked(entry, content)


def _large_file(entry: Entry) -> Iterator[bytes]:
    read = 0
    with open(entry.source, "rb", buffering=0) as opened:  # noqa: PTH123 - the path is bytes
        while piece := opened.read(CHUNK):
            read += len(piece)
            yield piece
    if read != entry.size:
        raise ExportFailed(_grew(entry))


def _checked(entry: Entry, content: bytes) -> bytes:
    if len(content) != entry.size:
        raise ExportFailed(_grew(entry))
    return content


def _grew(entry: Entry) -> str:
    return f"{os.fsdecode(entry.source)} changed while it was being exported"


def header(entry: Entry) -> bytes:
    """Return the header block of an entry, with a PAX header before it where ustar cannot hold the names."""
    name, prefix, link = entry.name, b"", entry.link
    records = {}
    if not name.isascii() or len(name) > NAME_LIMIT:
        split = _split(name)
        if split is None:
            records["path"] = name
            name = _ascii(name)
        else:
            prefix, name = split
    if not link.isascii() or len(link) > NAME_LIMIT:
        records["linkpath"] = link
        link = _ascii(link)
    real = _block(name, entry.mode, entry.owner, entry.size, MTIME, entry.kind, link, prefix)
    return _pax(entry.name, records) + real if records else real


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """Prefix and name for a ustar header: Go splits at the last slash that leaves the prefix short enough."""
    if not name.isascii():
        return None
    slash = name.rfind(b"/", 0, PREFIX_LIMIT + 1)
    prefix, rest = name[: max(slash, 0)], name[slash + 1 :]
    return (prefix, rest) if slash > 0 and 1 <= len(rest) <= NAME_LIMIT else None


def _ascii(name: bytes) -> bytes:
    """Return what remains of a name in the fixed field when the whole name is in a PAX record."""
    plain = bytes(byte for byte in name if byte < 0x80)  # noqa: PLR2004 - the end of ASCII
    cut = plain[:NAME_LIMIT]
    if len(plain) > NAME_LIMIT and cut.endswith(b"/"):  # Go: some readers take a cut name with a slash for a directory
        end = len(cut.rstrip(b"/"))
        cut = cut[:end] + b"\0" + cut[end + 1 :]
    return cut


def _pax(name: bytes, records: dict[str, bytes]) -> bytes:
    parent, _, base = name.rpartition(b"/")
    label = _ascii(parent + b"/PaxHeaders.0/" + base).rstrip(b"\0/")
    body = b"".join(_record(key, value) for key, value in sorted(records.items()))
    head = _block(label, 0, ROOT, len(body), 0, PAX, b"", b"", devices=bytes(16))
    return head + body + bytes(-len(body) % BLOCK)


def _record(key: str, value: bytes) -> bytes:
    text = b" %s=%s\n" % (key.encode(), value)
    length = len(text) + len(str(len(text)))
    if len(str(length)) + len(text) != length:  # the length counts its own digits
        length += 1
    return str(length).encode() + text


def _block(  # noqa: PLR0913, PLR0917 - the fields of the format
    name: bytes,
    mode: int,
    owner: Owner,
    size: int,
    mtime: int,
    kind: bytes,
    link: bytes,
    prefix: bytes,
    devices: bytes = b"0000000\0" * 2,
) -> bytes:
    start = b"%s%07o\0%07o\0%07o\0%011o\0%011o\0" % (
        name.ljust(NAME_LIMIT, b"\0"), mode, owner.uid, owner.gid, size, mtime,
    )  # fmt: skip
    end = b"%s%sustar\x0000%s%s%s" % (
        kind, link.ljust(NAME_LIMIT, b"\0"), bytes(64), devices, prefix.ljust(PREFIX_LIMIT + 12, b"\0"),
    )  # fmt: skip
    return b"%s%06o\0 %s" % (start, sum(start) + sum(end) + 8 * 32, end)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of an archive: the digest of the tar (diffID), and the digest and size of what was stored."""

    diff_id: str
    digest: str
    size: int


def diff_id(pieces: Iterable[bytes]) -> str:
    """Return the sha256 of an archive, written as `sha256:…`."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return f"sha256:{digest.hexdigest()}"


def write_plain(pieces: Iterable[bytes], target: BinaryIO) -> Written:
    """Store an archive as it is, for the cache."""
    digest = hashlib.sha256()
    size = 0
    for piece in pieces:
        digest.update(piece)
        size += target.write(piece)
    named = f"sha256:{digest.hexdigest()}"
    return Written(diff_id=named, digest=named, size=size)


def write_gzip(pieces: Iterable[bytes], target: BinaryIO) -> Written:
    """Store an archive as gzip without name or time: level 1, as the lifecycle's registry export."""
    plain, packed = hashlib.sha256(), hashlib.sha256()
    compress = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    size = 0

    def store(piece: bytes) -> int:
        packed.update(piece)
        return target.write(piece)

    for piece in pieces:
        plain.update(piece)
        size += store(compress.compress(piece))
    size += store(compress.flush())
    return Written(f"sha256:{plain.hexdigest()}", f"sha256:{packed.hexdigest()}", size)


Writer = Callable[[Iterable[bytes], BinaryIO], Written]
