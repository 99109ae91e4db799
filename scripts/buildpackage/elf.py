"""What packaging has to know of shared objects, and how it makes them smaller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\x7fELF"
_SECTION_OFFSET = slice(0x28, 0x30)  # e_shoff of a 64-bit header
_SECTION_COUNTS = slice(0x3C, 0x40)  # e_shnum and e_shstrndx


def is_elf(path: Path) -> bool:
    """Return whether the file is an executable or a shared object."""
    with path.open("rb") as opened:
        return opened.read(len(_MAGIC)) == _MAGIC


def needed(path: Path) -> list[str]:
    """Return the names of the libraries that the dynamic loader looks for (DT_NEEDED), without directories.

    python-build-standalone names its own library with a path, `$ORIGIN/../lib/libpython3.13.so.1.0`.
    """
    with path.open("rb") as opened:
        segments = ELFFile(opened).iter_segments(type="PT_DYNAMIC")
        dynamic = [segment for segment in segments if isinstance(segment, DynamicSegment)]
        # pyelftools gives each kind of tag an attribute of its own, which its types do not know.
        names = [str(vars(tag)["needed"]) for segment in dynamic for tag in segment.iter_tags("DT_NEEDED")]
    return [name.rpartition("/")[2] for name in names]


def stripped(content: bytes) -> bytes:
    """Return the file without anything that is not loaded: sections are for linkers and debuggers, not for the loader.

    Done here because not every machine has `strip`, and its versions write different bytes.
    """
    end = _loaded_end(content)
    head = bytearray(content[:end])
    head[_SECTION_OFFSET] = bytes(8)
    head[_SECTION_COUNTS] = bytes(4)
    return bytes(head)


def _loaded_end(content: bytes) -> int:
    """Return where the last segment ends, the tables of the header included."""
    start = int.from_bytes(content[0x20:0x28], "little")  # e_phoff
    size = int.from_bytes(content[0x36:0x38], "little")  # e_phentsize
    count = int.from_bytes(content[0x38:0x3A], "little")  # e_phnum
    headers = [content[start + index * size :][:size] for index in range(count)]
    ends = [int.from_bytes(h[0x08:0x10], "little") + int.from_bytes(h[0x20:0x28], "little") for h in headers]
    return max(start + size * count, *ends)
