"""What differs between a stored key and the key of this build, in words a person can act on.

Stored metadata are anybody's: what cannot be read counts as nothing known.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    _Words = Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[str]]

_SHOWN = 12


def differences(old: Mapping[str, object], new: Mapping[str, str], packages: _Words) -> list[str]:
    """Give a line for each difference; `packages` words those between two tables of packages, stored as JSON."""
    lines: list[str] = []
    for field, value in new.items():
        before = old.get(field)
        if before == value:
            continue
        said: Iterable[str] = ()
        if field == "packages":
            said = packages(read_table(before), read_table(value))
        elif field == "build_environment":
            said = _variables(read_table(before), read_table(value))
        else:
            said = [f"{field.replace('_', ' ')}: {before or 'unknown'} → {value}"]
        # A text that says the same in another way is another key all the same.
        lines.extend(tuple(said) or (f"{field.replace('_', ' ')} changed",))
    return lines


def read_table(text: object) -> dict[str, Any]:
    """Read a table of a stored key; what cannot be read is empty."""
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def third_party(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Word the differences between two tables of identities (`selection.identity`) by package."""
    before, after = ({name: str(identity) for name, identity in table.items()} for table in (old, new))
    lines = [
        *(f"{name} {_version(before[name])} → {_version(after[name])}{_why(before[name], after[name])}"
          for name in sorted(set(before) & set(after)) if before[name] != after[name]),
        *(f"{name} {_version(after[name])} added" for name in sorted(set(after) - set(before))),
        *(f"{name} {_version(before[name])} removed" for name in sorted(set(before) - set(after))),
    ]  # fmt: skip
    more = len(lines) - _SHOWN
    return lines if more <= 1 else [*lines[:_SHOWN], f"and {more} packages more"]


def local(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Word the differences between two tables of local packages."""
    return [
        *(f"{name}{_how(old[name], new[name])}" for name in sorted(set(old) & set(new)) if old[name] != new[name]),
        *(f"{name} added" for name in sorted(set(new) - set(old))),
        *(f"{name} removed" for name in sorted(set(old) - set(new))),
    ]


def _variables(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name variables and settings; their values may be secrets."""
    return [
        *(f"build backends: {name} changed" for name in sorted(set(old) & set(new)) if old[name] != new[name]),
        *(f"build backends: {name} is set now" for name in sorted(set(new) - set(old))),
        *(f"build backends: {name} is set no longer" for name in sorted(set(old) - set(new))),
    ]


def _version(identity: str) -> str:
    return identity.partition(" ")[0]


def _why(old: str, new: str) -> str:
    if _version(old) != _version(new):
        return ""
    return " (source changed)" if old.split()[1:2] != new.split()[1:2] else " (files changed)"


def _how(old: object, new: object) -> str:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return " changed"
    parts = []
    if old.get("path") != new.get("path"):
        parts.append(f" {old.get('path')} → {new.get('path')}")
    if old.get("editable") != new.get("editable"):
        parts.append(" is installed in place now" if new.get("editable") else " is installed as a copy now")
    return ",".join(parts) or " changed"
