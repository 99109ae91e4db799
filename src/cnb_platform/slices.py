"""The app directory as image layers: one for each slice that buildpacks asked for, and one for the rest.

Globs of Go's filepath.Match, relative to the app directory (no `**`); the first slice wins:
https://github.com/buildpacks/lifecycle/blob/v0.21.17/layers/slices.go
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence

from cnb_platform import tar
from cnb_platform.environment import Place
from cnb_platform.tar import DIRECTORY, Entry, Owner

_MAGIC = re.compile(r"[*?\[\\]")


def app_layers(app: Place, slices: Sequence[Sequence[str]], owner: Owner) -> list[list[Entry]]:
    """Return the entries of each app layer: n slices make n + 1 layers, each of which begins with the app directory."""
    entries = list(tar.tree(app.host, app.inside, owner))
    if not slices:
        return [entries]
    names = [entry.name for entry in entries]
    taken: set[bytes] = set()
    layers = []
    for patterns in slices:
        chosen = _subtrees(names, set(_matches(app, patterns))) - taken
        taken |= chosen
        layers.append(_with_parents(entries, chosen))
    rest = set(names) - taken
    return [*layers, _with_parents(entries, rest)]


def _matches(app: Place, patterns: Iterable[str]) -> Iterator[bytes]:
    for pattern in patterns:
        if pattern.startswith("/"):
            continue  # an absolute pattern never matches
        parts = [part for part in pattern.split("/") if part not in ("", ".")]
        if parts and ".." not in parts:
            yield from _glob(os.fsencode(app.host), os.fsencode(app.inside), parts)


def _glob(directory: bytes, name: bytes, parts: Sequence[str]) -> Iterator[bytes]:
    first, rest = parts[0], parts[1:]
    for child in _children(directory, first):
        path, child_name = directory + b"/" + child, name + b"/" + child
        if not rest:
            yield child_name
        elif os.path.isdir(path):  # noqa: PTH112 - bytes
            yield from _glob(path, child_name, rest)


def _children(directory: bytes, part: str) -> list[bytes]:
    if not _MAGIC.search(part):
        exact = os.fsencode(part)
        return [exact] if os.path.lexists(directory + b"/" + exact) else []
    pattern = re.compile(glob_expression(part), re.DOTALL)
    return [name for name in os.listdir(directory) if pattern.fullmatch(os.fsdecode(name))]  # noqa: PTH208 - bytes


def glob_expression(part: str) -> str:
    """Return one path component of a filepath.Match pattern as a regular expression; hidden files are not special."""
    expression, rest = "", part
    while rest:
        character, rest = rest[0], rest[1:]
        if character == "*":
            expression += "[^/]*"
        elif character == "?":
            expression += "[^/]"
        elif character == "[" and "]" in rest[1:]:
            end = rest.index("]", 1)
            members, rest = rest[:end], rest[end + 1 :]
            negated = members.startswith("^")
            inner = members.removeprefix("^").replace("[", "\\[").replace("^", "\\^").replace("&", "\\&")
            expression += f"[{'^' if negated else ''}{inner}]"
        elif character == "\\" and rest:
            expression, rest = expression + re.escape(rest[0]), rest[1:]
        else:
            expression += re.escape(character)
    return expression


def _subtrees(names: Sequence[bytes], roots: set[bytes]) -> set[bytes]:
    """Return the names that are among the roots or below one; they come depth first, parents before their children."""
    inside: set[bytes] = set()
    for name in names:
        if name in roots or name.rpartition(b"/")[0] in inside:
            inside.add(name)
    return inside


def _with_parents(entries: Sequence[Entry], chosen: set[bytes]) -> list[Entry]:
    app = entries[0].name
    wanted = {app, *chosen}
    for name in chosen:
        parent = name.rpartition(b"/")[0]
        while parent not in wanted and len(parent) > len(app):
            wanted.add(parent)
            parent = parent.rpartition(b"/")[0]
    return [entry for entry in entries if entry.name in wanted and (entry.name in chosen or entry.kind == DIRECTORY)]
