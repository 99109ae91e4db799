"""Values that nobody expects, and changes of documents that put them somewhere."""

from __future__ import annotations

import copy
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

import tomli_w

if TYPE_CHECKING:
    from random import Random

# What the writers of TOML and JSON refuse to write: put in for these words afterwards.
_UNWRITABLE = {
    "<integer without end>": "1" * 5000,
    "<arrays without end>": "[" * 1500 + "]" * 1500,
    "<some arrays>": "[" * 200 + "]" * 200,
}

TEXTS = (
    "", " ", ".", "..", "/", "-", "--help", "*", "**", "[", "[a-", "{}", "%", "$PORT", "$(id)", "`id`", "'", '"',
    "\\", "#", "\0", "a\0b", "\x1b[31mred", "a\nb", "\r", "\t", "\x7f", "\u202e", "\u0661\u0662",
    "\N{UNICORN FACE}", "\ufeff3.13", "e\u0301", "x" * 300, "x" * 5000, "../" * 20, "a/" * 2000, "/etc/passwd",
    "/proc/self/environ", "/dev/zero", "~", "~/x", "C:\\x", "1", "0", "-1", "1" * 5000, f"3.{'9' * 5000}", "3.13",
    "3", "3.13.9", ">=3", "==3.*", "===3", "~=3", "<3", ">=3,<2", "3.13t", "pypy", "1e999", "999999999999GB",
    "10MB", "NaN", "true", "yes", "none", "auto", "always", "file:///x", "file://host/x", "http://[::1",
    "https://user:word@host/x", "https://host:99999/", "ftp://x", "git+ssh://x", "://a:" * 200,
    "sys_platform == 'linux'", "'x' in extras", "python_version < '" + "9" * 5000 + "'", "(" * 500,
    "extra == 'a' and " * 200 + "extra == 'b'", "os_name == 1", "extra-3-abc-def", "a b", "A_b.C", "_", "a" * 255,
    "a>=1; x", "a @ https://x", "a[b,c]>=1", "main:app", "web", "x=1", "=", "a=b=c",
)  # fmt: skip

SCALARS: tuple[object, ...] = (
    True, False, 0, -1, 2**63, 10**40, 1.5, math.inf, math.nan,
    dt.date(1979, 5, 27), dt.time(7, 32), dt.datetime(1979, 5, 27, 7, 32, tzinfo=dt.UTC),
)  # fmt: skip


def value(random: Random, depth: int = 0) -> Any:  # noqa: ANN401 (any value at all)
    """Return a value of any type."""
    kind = random.random()
    if kind < 0.45:
        return random.choice(TEXTS)
    if kind < 0.65:
        return random.choice(SCALARS)
    if kind < 0.72:
        return random.choice(list(_UNWRITABLE))
    if depth > 2 or kind < 0.8:
        return random.choice(([], {}, [[]], [{}]))
    if kind < 0.9:
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    return {key(random): value(random, depth + 1) for _ in range(random.randrange(4))}


def key(random: Random) -> str:
    """Return the name of a key: one that some document has, or any text."""
    return random.choice(_KEYS) if random.random() < 0.8 else random.choice(TEXTS)


_KEYS = [
    "name",
    "version",
    "source",
    "dependencies",
    "optional-dependencies",
    "dev-dependencies",
    "dependency-groups",
    "metadata",
    "requires-dist",
    "requires-dev",
    "provides-extras",
    "extra",
    "extras",
    "marker",
    "specifier",
    "wheels",
    "sdist",
    "url",
    "hash",
    "size",
    "path",
    "filename",
    "registry",
    "git",
    "editable",
    "virtual",
    "directory",
    "subdirectory",
    "resolution-markers",
    "supported-markers",
    "members",
    "exclude",
    "manifest",
    "conflicts",
    "requires-python",
    "dynamic",
    "scripts",
    "entry-points",
    "build-system",
    "requires",
    "build-backend",
    "backend-path",
    "tool",
    "uv",
    "uv-buildpack",
    "workspace",
    "package",
    "index",
    "find-links",
    "required-version",
    "no-binary-package",
    "no-build-isolation-package",
    "config-settings",
    "extra-build-variables",
    "processes",
    "web",
    "command",
    "args",
    "working-dir",
    "default-process",
    "environment-link",
    "heavy-packages",
    "groups",
    "include-group",
    "readme",
    "license",
    "license-files",
    "fastapi",
    "entrypoint",
    "hatch",
    "build",
    "hooks",
    "builds",
    "date",
    "arch",
    "libc",
    "variant",
    "sha256",
    "python",
    "choice",
    "packages",
    "local",
    "sdists",
    "layer",
    "directories",
    "entries",
]


def changed(document: Any, random: Random) -> Any:  # noqa: ANN401 (a document of any shape)
    """Return a document with one change somewhere in it."""
    document = copy.deepcopy(document)
    places = list(_places(document))
    holder, step = random.choice(places) if places else (document, None)
    match random.randrange(7):
        case 0 | 1 | 2 if step is not None:
            holder[step] = value(random)
        case 3 if step is not None:
            del holder[step]
        case 4 if step is not None:
            holder[step] = random.choice(([holder[step]], {key(random): holder[step]}))
        case 5 if step is not None:
            other, place = random.choice(places)
            holder[step] = copy.deepcopy(other[place])
        case _ if isinstance(holder, dict):
            holder[key(random)] = value(random)
        case _ if isinstance(holder, list):
            holder.append(value(random))
    return document


def _places(value: Any) -> Any:  # noqa: ANN401 (a document of any shape)
    """Return each value in a document, as what holds it and where in there."""
    steps = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for step in steps:
        yield value, step
        yield from _places(value[step])


def toml_text(document: dict[str, Any]) -> str:
    """Write TOML, also what no writer would."""
    return _with_unwritable(tomli_w.dumps(document))


def json_text(document: object) -> str:
    """Write JSON, also what no writer would (`Infinity` among it)."""
    return _with_unwritable(json.dumps(document, default=str))


def _with_unwritable(text: str) -> str:
    for word, instead in _UNWRITABLE.items():
        text = text.replace(f'"{word}"', instead)
    return text


def damaged(content: bytes, random: Random) -> bytes:
    """Return bytes with one piece cut, repeated, or replaced by anything."""
    begin = random.randrange(len(content) + 1)
    end = min(len(content), begin + random.choice((0, 1, 1, 4, 40, 400)))
    piece = content[begin:end]
    instead = random.choice((
        b"", piece * 2, piece * 200, bytes(random.randrange(256) for _ in range(random.choice((1, 2, 8)))),
        b"\0", b"\xff", b"\xef\xbb\xbf", b"\r\n", b"\n" * 2000, b"[", b"{", b'"', b"'''", b"<<<<<<< HEAD\n",
        random.choice(TEXTS).encode("utf-8", "surrogatepass"),
    ))  # fmt: skip
    return content[:begin] + instead + content[end:]
