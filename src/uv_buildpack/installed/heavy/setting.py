"""`BP_UV_HEAVY_PACKAGES`: from which size on a package gets a layer of its own, or which packages do."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.utils import canonicalize_name

_AUTO = 10_000_000
_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_ACCEPTED = "auto, none, a size such as 50MB, or names of packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeavySetting:
    """A least size in bytes, or the names of the packages; neither: nothing is heavy."""

    least: int | None = None
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return the setting as a user would write it."""
        if self.least is None:
            return ", ".join(sorted(self.names)) or "none"
        return "auto" if self.least == _AUTO else f"{self.least}B"

    def takes(self, names: frozenset[str], size: int) -> bool:
        """Return whether packages that lie together, with `size` bytes in all, are heavy."""
        return size >= self.least if self.least is not None else bool(names & self.names)


def parse_setting(value: object) -> HeavySetting:
    """Read the setting: `auto` (10 MB and more), `none`, a size, or names (comma-separated, or an array).

    Raises `ValueError`, whose message says what is accepted.
    """
    if isinstance(value, str) and (
        size := re.fullmatch(r"(\d{1,15}(?:\.\d{1,15})?)\s*([KMG]?i?B)", value.strip(), re.IGNORECASE)
    ):
        return HeavySetting(least=max(1, int(float(size[1]) * _UNITS[size[2].upper()])))
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ValueError(_ACCEPTED)
    words = [entry.strip() for entry in entries if entry.strip()]
    if [word.lower() for word in words] == ["auto"]:
        return HeavySetting(least=_AUTO)
    if [word.lower() for word in words] in (["none"], []):
        return HeavySetting()
    return HeavySetting(names=frozenset(_name(word) for word in words))


def _name(word: str) -> str:
    if word.lower() in {"auto", "none"} or not re.fullmatch(r"[A-Za-z]([A-Za-z0-9._-]*[A-Za-z0-9])?", word):
        message = f"{_ACCEPTED}; {word!r} is not a name"
        raise ValueError(message)
    return canonicalize_name(word)
