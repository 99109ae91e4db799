"""The members of a workspace, by uv's rules for the globs in `[tool.uv.workspace]`.

uv walks `members` with the `glob` crate and matches `exclude` as text, where `*` stands for a `/` as well (0.12.5:
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-workspace/src/workspace.rs). pathlib and fnmatch
differ from both in what they do with hidden directories, links and brackets. `integration/test_rules_of_uv.py` compares
this with uv on random trees.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_RECURSIVE = "**"
_MAGIC = re.compile(r"[*?\[]")


def directories(root: Path, patterns: object, excluded: object, within: Path) -> list[Path]:
    """Return the directories that `members` and not `exclude` match, sorted; some may be no members.

    The walk does not leave `within`, the app directory: a pattern such as `../../**` would walk the whole machine.
    What has the wrong type, or is no pattern, matches nothing: uv says what is wrong with it. Raises `OSError`.
    """
    exclusions = [_exclusion(root, pattern) for pattern in _texts(excluded)]
    found: set[Path] = set()
    for pattern in _texts(patterns):
        clean = os.path.normpath(pattern)
        # An absolute one names a place that only its author has.
        if not clean.startswith("/") and pattern:
            found.update(_walk(root, clean.split("/"), within))
    # Exclusions are compared with paths as the walk found them: `/app/../lib` for `../lib`.
    kept = (path for path in found if not any(exclusion.fullmatch(str(path)) for exclusion in exclusions))
    return sorted({Path(os.path.normpath(path)) for path in kept})


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, (list, tuple)):
        yield from (text for text in value if isinstance(text, str) and "\0" not in text)


def _exclusion(root: Path, pattern: str) -> re.Pattern[str]:
    return re.compile(f"{re.escape(str(root))}/{_expression(os.path.normpath(pattern), any_depth=True)}", re.DOTALL)


def _walk(root: Path, components: Sequence[str], within: Path) -> Iterable[Path]:
    """Return the directories below `root` that match component by component, each once, none outside of `within`."""
    places = {root: None}
    for number, component in enumerate(components, 1):
        last = number == len(components)
        found = (path for place in places for path in _step(place, component, within, last=last))
        places = {path: None for path in found if _is_below(path, within) and path.is_dir()}
    inside = os.path.realpath(within)
    return [path for path in places if Path(os.path.realpath(path)).is_relative_to(inside)]


def _is_below(path: Path, within: Path) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(within)


def _step(place: Path, component: str, within: Path, *, last: bool) -> Iterable[Path]:
    if component == _RECURSIVE:
        # Of `**` at the end the crate leaves out the directory that the walk starts in.
        return _below(place, within)[1 if last else 0 :]
    if _MAGIC.search(component):
        expression = re.compile(_expression(component, any_depth=False), re.DOTALL)
        return [path for path in _children(place) if expression.fullmatch(path.name)]
    return [place / component]


def _children(place: Path) -> list[Path]:
    try:
        return [path for path in place.iterdir() if path.is_dir()]
    except PermissionError:
        return []  # uv stops there with its own words


def _below(top: Path, within: Path) -> list[Path]:
    """Return a directory and all below it; links are followed, but neither in a circle nor out of `within`."""
    found: list[Path] = []
    inside = os.path.realpath(within)
    waiting: list[tuple[Path, frozenset[str]]] = [(top, frozenset())]
    while waiting:
        place, seen = waiting.pop()
        found.append(place)
        own = os.path.realpath(place)
        if own not in seen and Path(own).is_relative_to(inside):
            waiting.extend((child, seen | {own}) for child in _children(place))
    return found


def _expression(pattern: str, *, any_depth: bool) -> str:
    """Return a glob of the `glob` crate as a regular expression. With `any_depth`, `*` and `?` match `/` as well."""
    anything = "." if any_depth else "[^/]"
    words: list[str] = []
    rest = pattern
    while rest:
        if match := re.match(r"(?:(?<![^/])\*\*(?:/|\Z))+", rest):
            words.append(".*" if match[0].endswith("*") else "(?:.*/)?")
        elif match := re.match(r"\*", rest):
            words.append(f"{anything}*")
        elif match := re.match(r"\?", rest):
            words.append(anything)
        elif match := re.match(r"\[(!?)(.[^\]]*)\]", rest, re.DOTALL):
            words.append(_class(match[2], negated=bool(match[1])))
        else:
            match = re.match(r".", rest, re.DOTALL)
            words.append(re.escape(rest[0]))
        rest = rest[match.end() :] if match else ""
    return "".join(words)


def _class(text: str, *, negated: bool) -> str:
    """Return the characters in brackets: single ones and ranges."""
    ranges = [(part[0], part[-1]) for part in re.findall(r".-.|.", text, re.DOTALL)]
    inside = "".join(f"{re.escape(low)}-{re.escape(high)}" for low, high in ranges if low <= high)
    return f"[{'^' if negated else ''}{inside}]" if inside else ("." if negated else "(?!)")
