"""`Procfile`, read as Heroku reads it: lines of `type: command`; everything else means nothing.

https://devcenter.heroku.com/articles/procfile#procfile-format
"""

from __future__ import annotations

import codecs
import re
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.errors import FileUnreadable, ProcfileInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_LINE = re.compile(r"(?P<type>[A-Za-z0-9_-]+):\s*(?P<command>.*\S)")


class Entry(NamedTuple):
    """A command line, and the number of its line in the file."""

    command: str
    line: int


class Procfile(NamedTuple):
    """Process types in the order of the file. `notes` are about lines that have no effect."""

    entries: Mapping[str, Entry]
    notes: tuple[str, ...] = ()


def read_procfile(path: Path, shown: str) -> Procfile:
    """Read the file, which is called `shown` in messages.

    Raises `FileUnreadable`, and `ProcfileInvalid` (naming lines) for what is not UTF-8, a byte order mark, or no usable
    line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileUnreadable(shown, str(error.strerror)) from None
    return _parsed(_text(content, shown), shown)


def _text(content: bytes, shown: str) -> str:
    # With a mark the first process type would not be recognised, which no editor shows.
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if content.startswith(mark):
            raise ProcfileInvalid(shown, ["line 1: begins with a byte order mark"])
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ProcfileInvalid(shown, [f"line {line}: not UTF-8 (byte 0x{content[error.start]:02x})"]) from None


def _parsed(text: str, shown: str) -> Procfile:
    entries: dict[str, Entry] = {}
    notes: list[str] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            if line.strip() and not line.lstrip().startswith("#"):
                notes.append(f"{shown} line {number} is not `type: command` and has no effect: {line.strip()}")
            continue
        earlier = entries.get(match["type"])
        if earlier:
            notes.append(f"{shown} line {earlier.line} has no effect: line {number} defines {match['type']} again")
        entries[match["type"]] = Entry(match["command"], number)
    if not entries:
        raise ProcfileInvalid(shown, notes or ["it has no lines but blank ones and comments"])
    return Procfile(entries, tuple(notes))
