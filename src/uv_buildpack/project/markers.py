"""Markers of a lock: for which platform, which chosen extras and groups, and beside what something is installed.

Markers: https://packaging.python.org/en/latest/specifications/dependency-specifiers/
Those of conflicting extras and groups: https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-resolver/src/universal_marker.rs
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import Marker

from uv_buildpack.errors import LockfileInvalid

if TYPE_CHECKING:
    from cnb.documents import Table

    Environment = dict[str, str | frozenset[str]]

REMEMBERED = 32_768
"""Markers, and names of wheels, which each Python and each step ask about: a lock of 200 packages has 3,000."""
_parsed = lru_cache(REMEMBERED)(Marker)
_LONGEST_SHOWN = 200

# uv encodes what is declared as conflicting as markers on `extra`: "extra-<length>-<package>-<extra>", and the like
# for groups and whole projects.
_CONFLICT = re.compile(r"extra\s*(==|!=)\s*(['\"])((?:extra|group|project)-\d+-[^'\"]+)\2")
# The parser of packaging goes down a level for each bracket.
_NO_MARKER = (ValueError, RecursionError)


def read(table: Table, key: str) -> str | None:
    """Return the marker that a value of a document is; `None` where there is none. Raises `DocumentError`."""
    text = table.optional_text(key)
    if text is not None and not _is_marker(text):
        raise table.wrong("a marker", key)
    return text


def read_all(table: Table, key: str) -> tuple[str, ...]:
    """Return an array of markers, which is empty where there is none. Raises `DocumentError`."""
    texts = table.texts(key)
    for number, text in enumerate(texts):
        if not _is_marker(text):
            raise table.wrong("a marker", key, number)
    return texts


def hold(marker: str, environment: Environment, active: frozenset[str], file: str) -> bool:
    """Return whether a marker of the lock `file` holds. Conflict markers become comparisons that hold or do not.

    `active` are the names of what is installed that may conflict (`conflict_name`). Those of a `pylock.toml` ask for
    the chosen extras and groups (`'dev' in dependency_groups`). Raises `LockfileInvalid`.
    """

    def decide(match: re.Match[str]) -> str:
        operator, name = match.group(1), match.group(3)
        return "os_name == 'posix'" if (name in active) == (operator == "==") else "os_name != 'posix'"

    try:
        return _parsed(_CONFLICT.sub(decide, marker)).evaluate(environment)
    except (*_NO_MARKER, KeyError) as error:
        # It asks for something unknown, or compares a number of thousands of digits.
        reason = next(iter(str(error).splitlines()), "")
        raise LockfileInvalid(file, f"The marker {_short(marker)!r} cannot be read: {_short(reason)}") from None


def conflict_name(kind: str, package: str, *more: str) -> str:
    """Return the name by which conflict markers ask for a package (`project`), or an `extra` or a `group` of it."""
    return "-".join((kind, str(len(package)), package, *more))


def _is_marker(text: str) -> bool:
    try:
        _parsed(text)
    except _NO_MARKER:
        return False
    return True


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
