"""What shared objects need and where they look for it, in 64-bit little-endian ELF files (System V ABI, chapter 5).

Only the headers and the dynamic section are read: the files are hundreds of megabytes.
The dynamic section: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_MAGIC = b"\x7fELF\x02\x01"
_LOAD, _DYNAMIC = 1, 2
_END, _NEEDED, _STRINGS, _RPATH, _RUNPATH = 0, 1, 5, 15, 29


def run_paths(path: Path) -> tuple[str, ...]:
    """Return the directories in an object's run paths as they are written. None for what is no such file, or damaged.

    Raises `OSError`.
    """
    return tuple(entry for text in _dynamic(path, {_RPATH, _RUNPATH}) for entry in text.split(":") if entry)


def needed(path: Path) -> tuple[str, ...]:
    """Return the names of the libraries that are loaded with an object. None for what is no such file, or damaged.

    Raises `OSError`.
    """
    return tuple(_dynamic(path, {_NEEDED}))


def _dynamic(path: Path, tags: Collection[int]) -> list[str]:
    with path.open("rb") as file:
        if file.read(6) != _MAGIC:
            return []
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
            try:
                return list(_texts(image, tags))
            except (struct.error, ValueError, IndexError):
                return []


def _texts(image: mmap.mmap, tags: Collection[int]) -> Iterator[str]:
    segments = list(_segments(image))
    for kind, offset, _, size in segments:
        if kind != _DYNAMIC:
            continue
        entries = list(struct.iter_unpack("<QQ", image[offset : offset + size - size % 16]))
        used = entries[: next((number for number, (tag, _) in enumerate(entries) if tag == _END), len(entries))]
        table = next((value for tag, value in used if tag == _STRINGS), 0)
        for tag, value in used:
            if tag in tags:
                start = _file_offset(segments, table + value)
                yield image[start : image.find(b"\0", start)].decode("utf-8", "surrogateescape")


def _segments(image: mmap.mmap) -> Iterator[tuple[int, int, int, int]]:
    """Return type, file offset, address and size in the file of each segment."""
    (table,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", image, table + number * size)
        yield kind, offset, address, length


def _file_offset(segments: list[tuple[int, int, int, int]], address: int) -> int:
    return next(
        offset + address - start
        for kind, offset, start, size in segments
        if kind == _LOAD and start <= address < start + size
    )
