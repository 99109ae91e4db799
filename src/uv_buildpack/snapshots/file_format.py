"""The `snapshots` layer: a few large files, kept for the next build and never in the image.

A cached layer is restored in full by every build, used or not, and the cost follows the number of files: so trees are
kept as one compressed file each, and only where that saves more than it costs (`patience`). Each file carries its own
key and digest; one that is damaged, or that another version wrote, is reported and rebuilt.
What is restored: https://github.com/buildpacks/lifecycle/blob/v0.21.17/phase/restorer.go
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from typing import IO, TYPE_CHECKING, NamedTuple

from cnb.documents import DocumentError, Table, json_table, parse_json
from cnb.layer import LayerTypes
from uv_buildpack import disk, log
from uv_buildpack.downloads import zstandard

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

NAME = "snapshots"
TYPES = LayerTypes(cache=True)
SCHEME = "3"

ALWAYS_BELOW = 10 * 1000 * 1000
"""Bytes, compressed: what is smaller is always kept. A hot build pays 17 ms for each megabyte."""
TOO_LARGE_TO_TRY = 80 * 1000 * 1000
"""Bytes of a tree, uncompressed, that will not compress to `ALWAYS_BELOW`."""
_PATIENCE = 10
"""Hot builds after which a snapshot is dropped that only builds without a previous image need."""

# What zstd itself chooses: a higher level takes more time from each build than a smaller file gives back.
_LEVEL = 3
_BLOCK = 1024 * 1024
_HEADER_LIMIT = 4 * 1024 * 1024
_ENTRIES_LIMIT = 256 * 1024 * 1024
_Entry = tuple[str, int, int | str]
"""Path, mode, and size or target."""
_MODE = 0o177777
_SPARE = 256 * 1000 * 1000
"""Bytes of disk that stay free."""


class Snapshot(NamedTuple):
    """A snapshot that can be used: its file, and what was noted with it."""

    path: Path
    key: Mapping[str, str]


def find(directory: Path, kind: str) -> Snapshot | None:
    """Return the snapshot of a kind (`venv`, `python`, …) if it is whole; report and remove a damaged one."""
    path = _path(directory, kind)
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            key = _checked_header(file).table("key")
            return Snapshot(path=path, key={name: key.text(name) for name in key.values})
    except (OSError, ValueError) as error:
        log.warning(f"The snapshot {path.name} cannot be used ({error}): it is rebuilt.")
        path.unlink()
        return None


def unpack(snapshot: Snapshot, target: Path) -> None:
    """Unpack a snapshot, whose digest `find` has checked, into the empty directory `target`.

    The digest tells damage, not intent: whoever can write to the cache can make one. So nothing is written outside of
    `target`, by its name or through a link. Raises `OSError`, `ValueError`.
    """
    with snapshot.path.open("rb") as file:
        _read_header(file)
        with zstandard.opened(file) as stream:
            made = {""}
            for name, mode, content in _read_entries(stream, snapshot.path.name):
                _check_name(name, made)
                path = target / name
                if stat.S_ISDIR(mode):
                    path.mkdir()
                    path.chmod(stat.S_IMODE(mode))
                    made.add(name)
                elif stat.S_ISLNK(mode):
                    path.symlink_to(str(content))
                else:
                    _write_file(path, stat.S_IMODE(mode), int(content), stream)


def _read_entries(stream: IO[bytes], shown: str) -> Iterator[_Entry]:
    entries = parse_json(stream.readline(_ENTRIES_LIMIT), shown)
    for entry in entries if isinstance(entries, list) else [entries]:
        match entry:
            case [str() as name, int() as mode, str() as link] if _kind(mode) == stat.S_IFLNK:
                yield name, mode & _MODE, link
            case [str() as name, int() as mode, int() as size] if _kind(mode) in {stat.S_IFDIR, stat.S_IFREG}:
                yield name, mode & _MODE, size
            case _:
                message = "its list of files is damaged"
                raise ValueError(message)


def _kind(mode: int) -> int:
    return stat.S_IFMT(mode & _MODE)


def _check_name(name: str, made: Collection[str]) -> None:
    """Refuse a name that is not directly in a directory which this snapshot `made`. Raises `ValueError`."""
    above, _, own = name.rpartition("/")
    if above not in made or own in {"", ".", ".."} or name.startswith("/"):
        message = f"{name!r} leads out of it"
        raise ValueError(message)


def _write_file(path: Path, mode: int, size: int, stream: IO[bytes]) -> None:
    # An archive that has a file twice is damaged.
    with path.open("xb") as file:
        os.fchmod(file.fileno(), mode)  # whatever the umask
        while size > 0 and (block := stream.read(min(size, _BLOCK))):
            file.write(block)
            size -= len(block)
    if size > 0:
        message = f"it ends within {path}"
        raise ValueError(message)


def keep(  # noqa: PLR0913 (what is kept, where, and what of it)
    directory: Path,
    kind: str,
    tree: Path,
    key: Mapping[str, str],
    *,
    limit: int | None = None,
    without: Collection[Path] = (),
) -> bool:
    """Write a snapshot of `tree`; with a `limit` (bytes) only if it becomes no larger. Return whether it was written.

    `without` are files and directories of the tree that are left out. Raises `OSError`, but not for a full disk: a
    build that works without a snapshot does not fail for one. The file appears by a rename, so that a killed build
    leaves the old one or none.
    """
    entries = list(_entries(tree, "", without))
    size = sum(content for _, _, content in entries if isinstance(content, int))
    if limit is not None and size > TOO_LARGE_TO_TRY:
        return forget(directory, kind)
    free = shutil.disk_usage(directory).free
    if free < size + _SPARE:
        log.warning(f"No snapshot of {kind} is kept: {free / 1e6:.0f} MB of disk are free.")
        return forget(directory, kind)
    path, payload = _path(directory, kind), directory / f".{kind}.payload"
    try:
        _pack(tree, entries, payload)
        if limit is not None and payload.stat().st_size > limit:
            return forget(directory, kind)
        with payload.open("rb") as packed:
            digest = _digest(packed)
            packed.seek(0)
            _write(path, _sealed({"scheme": SCHEME, "kind": kind, "key": dict(key), "digest": digest}), packed)
    except OSError as error:
        if not disk.is_full(error):
            raise
        log.warning(f"No snapshot of {kind} is kept: {error.strerror}.")
        _temporary(path).unlink(missing_ok=True)
        return forget(directory, kind)
    finally:
        payload.unlink(missing_ok=True)
    log.step(f"keeping a snapshot of {'a part of ' if without else ''}{kind}: {path.stat().st_size / 1e6:.1f} MB")
    return True


def forget(directory: Path, kind: str) -> bool:
    """Remove the snapshot of a kind, and return `False`: there is none."""
    _path(directory, kind).unlink(missing_ok=True)
    return False


def forget_others(directory: Path, kinds: Collection[str]) -> None:
    """Remove everything that is not a snapshot of these kinds or the marker."""
    known = {_path(directory, kind).name for kind in kinds} | {_MARKER}
    for path in directory.iterdir():
        if path.name not in known or not path.is_file():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def sizes(directory: Path) -> dict[str, int]:
    """Return the kinds that there are snapshots of, sorted, and their sizes in bytes. Raises `OSError`."""
    return {path.stem: path.stat().st_size for path in sorted(directory.glob("*.snapshot"))}


class Memory(NamedTuple):
    """What the cache remembers of earlier builds: the keys it has seen, and which kinds have been missed.

    A kind is missed when its key is the one of the last build and the image does not have the layer: a new tag, another
    image. Then its snapshot would have served, and is kept from then on, until it was of no use for a while.
    """

    keys: Mapping[str, str]
    wanted: Mapping[str, int]


def patience(before: Memory, kind: str, digest: str, *, hot: bool) -> int:
    """Return for how many more hot builds to keep the snapshot of a layer that has this key now; 0 is none."""
    if hot:
        return before.wanted.get(kind, 0) - 1
    if before.keys.get(kind) == digest:
        return _PATIENCE
    return before.wanted.get(kind, 0)


def recall(directory: Path) -> Memory:
    """Read what the cache remembers; nothing if there is no cache or its marker is damaged."""
    try:
        document = json_table(_marker(directory), _MARKER)
        keys, wanted = document.table("keys"), document.table("wanted")
        return Memory(
            keys={name: keys.text(name) for name in keys.values},
            wanted={name: wanted.optional_integer(name) or 0 for name in wanted.values},
        )
    except (OSError, DocumentError):
        return Memory(keys={}, wanted={})


def _marker(directory: Path) -> bytes:
    path = directory / _MARKER
    return path.read_bytes() if path.is_file() else b""  # a pipe in its place would wait for ever


def remember(directory: Path, memory: Memory) -> None:
    """Write the marker. Raises `OSError`."""
    document = {"keys": dict(memory.keys), "wanted": dict(memory.wanted)}
    temporary = directory / f".{_MARKER}"
    temporary.write_text(json.dumps(document, sort_keys=True), encoding="utf-8")
    temporary.replace(directory / _MARKER)


_MARKER = "marker.json"


def _path(directory: Path, kind: str) -> Path:
    return directory / f"{kind}.snapshot"


def _read_header(file: IO[bytes]) -> Table:
    header = json_table(file.readline(_HEADER_LIMIT), "header")
    if header.text("scheme") != SCHEME:
        message = f"it has scheme {header.text('scheme')}"
        raise ValueError(message)
    return header


def _sealed(header: Mapping[str, object]) -> dict[str, object]:
    """Add the digest of the header itself: a key that was damaged would tell lies about what is packed."""
    return {**header, "seal": hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()}


def _checked_header(file: IO[bytes]) -> Table:
    header = _read_header(file)
    if header.values != _sealed({name: value for name, value in header.values.items() if name != "seal"}):
        message = "its header was changed"
        raise ValueError(message)
    if _digest(file) != header.text("digest"):
        message = "its digest is wrong"
        raise ValueError(message)
    return header


def _digest(file: IO[bytes]) -> str:
    """Return the SHA-256 of what is left to read."""
    total = hashlib.sha256()
    while block := file.read(_BLOCK):
        total.update(block)
    return total.hexdigest()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}")


def _write(path: Path, header: Mapping[str, object], payload: IO[bytes]) -> None:
    temporary = _temporary(path)
    with temporary.open("wb") as file:
        file.write(json.dumps(header, sort_keys=True).encode() + b"\n")
        shutil.copyfileobj(payload, file, _BLOCK)
    temporary.replace(path)


def _pack(tree: Path, entries: Sequence[_Entry], payload: Path) -> None:
    """Write the entries of a tree as a line of JSON, then the contents of its files one after the other.

    With tarfile both ways take three times as long: it makes an object and two headers of each file.
    """
    with payload.open("wb") as raw, zstandard.opened(raw, level=_LEVEL) as stream:
        stream.write(json.dumps(entries).encode() + b"\n")
        for name, mode, _ in entries:
            if stat.S_ISREG(mode):
                with (tree / name).open("rb") as file:
                    shutil.copyfileobj(file, stream, _BLOCK)


def _entries(directory: Path, prefix: str, without: Collection[Path]) -> Iterator[_Entry]:
    """Return path, mode, and size or target of everything below a directory, which comes before what is in it."""
    with os.scandir(directory) as found:
        for entry in sorted(found, key=lambda entry: entry.name):
            if directory / entry.name in without:
                continue
            name, status = prefix + entry.name, entry.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                yield name, status.st_mode, str((directory / entry.name).readlink())
            else:
                yield name, status.st_mode, status.st_size
            if stat.S_ISDIR(status.st_mode):
                yield from _entries(directory / entry.name, f"{name}/", without)
