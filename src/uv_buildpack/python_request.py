"""What version of Python is asked for: uv's request grammar, as far as CPython builds can meet it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from uv_buildpack.errors import (
    Collector,
    PythonImplementationUnsupported,
    PythonRequestContradictory,
    PythonRequestInvalid,
    PythonVersionFileInvalid,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_IMPLEMENTATION = re.compile(r"(?P<name>[a-z]+)(?:@(?P<at>\S+)|-(?P<dash>\d\S*)|(?P<glued>\d\S*))?\Z")
_VERSION = re.compile(r"(?P<version>\d+(?:\.\d+){0,2}(?:(?:a|b|rc)\d+)?)(?P<variant>t|\+freethreaded)?\Z")
_OTHER_IMPLEMENTATIONS = frozenset({"pypy", "pp", "graalpy", "gp", "pyodide", "pyston", "jython", "ironpython"})
_ANY = SpecifierSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonRequest:
    """A request: which versions will do, and where it was written."""

    specifier: SpecifierSet
    freethreaded: bool
    exact: bool
    """Whether a minor version was named: then wheels do not decide between minors."""
    text: str
    origin: str


def parse(text: str, origin: str) -> PythonRequest:
    """Read one request, such as `3.13`, `>=3.12,<3.14`, `3.13t`, `cpython@3.13`, `cpython-3.13.4-linux-x86_64-gnu`.

    Raises `PythonRequestInvalid`, `PythonImplementationUnsupported`.
    """
    wanted = text.strip()
    match = _IMPLEMENTATION.match(wanted.lower())
    if match and match["name"] in _OTHER_IMPLEMENTATIONS:
        raise PythonImplementationUnsupported(wanted, origin)
    if match and match["name"] in {"cpython", "cp", "python"}:
        version = match["at"] or match["dash"] or match["glued"]
        if match["name"] == "cp" and match["glued"]:
            version = f"{version[0]}.{version[1:]}"
        return _versions(version.split("-")[0] if match["dash"] else version or "", wanted, origin)
    return _versions(wanted, wanted, origin)


def read_file(path: Path, shown: str) -> PythonRequest:
    """Read a `.python-version`: comments and blank lines are passed over, and the first request decides.

    Raises `PythonVersionFileInvalid` (not UTF-8, a byte order mark, nothing usable) and what `parse` raises.
    """
    content = path.read_bytes()
    if content.startswith(b"\xef\xbb\xbf"):
        raise PythonVersionFileInvalid(shown, "It begins with a byte order mark.")
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise PythonVersionFileInvalid(shown, f"It is not UTF-8 (byte {error.start}).") from None
    for number, line in enumerate(lines, 1):
        request = line.partition("#")[0].strip()
        if request:
            return parse(request, f"{shown}, line {number}")
    raise PythonVersionFileInvalid(shown, "There is no version in it.")


def combine(requests: Sequence[PythonRequest], required: Sequence[tuple[str, str]]) -> PythonRequest:
    """Give the request that decides, narrowed by every `requires-python` (text, file).

    `requests` come in order of preference. Raises `PythonRequestContradictory` where the two cannot both hold.
    """
    collector = Collector()
    bounds = []
    for text, file in required:
        with collector.collecting():
            bounds.append((_specifier(text, f"requires-python in {file}", text), file))
    collector.raise_if_any()
    bound = SpecifierSet()
    for specifier, _ in bounds:
        bound &= specifier
    origin = f"requires-python in {bounds[0][1]}" if bounds else "no request"
    if not requests:
        text = bounds[0][0] if bounds else "any version"
        return PythonRequest(specifier=bound, freethreaded=False, exact=False, text=str(text), origin=origin)
    chosen = requests[0]
    for specifier, file in bounds:
        if not _compatible(chosen.specifier, specifier):
            raise PythonRequestContradictory(chosen.text, chosen.origin, str(specifier), file)
    return PythonRequest(
        specifier=chosen.specifier & bound,
        freethreaded=chosen.freethreaded,
        exact=chosen.exact,
        text=chosen.text,
        origin=chosen.origin,
    )


def _versions(version: str, text: str, origin: str) -> PythonRequest:
    match = _VERSION.match(version)
    if match is None:
        specifier = _specifier(version, origin, text) if version else _ANY
        exact = len({(v.major, v.minor) for v in _candidates() if specifier.contains(v)}) == 1
        return PythonRequest(specifier=specifier, freethreaded=False, exact=exact, text=text, origin=origin)
    number = match["version"]
    parts = number.split(".")
    complete = len(parts) == 3 or not number.replace(".", "").isdigit()  # noqa: PLR2004 (major, minor, patch)
    return PythonRequest(
        specifier=SpecifierSet(f"=={number}" if complete else f"=={number}.*"),
        freethreaded=match["variant"] is not None,
        exact=len(parts) > 1,
        text=text,
        origin=origin,
    )


def _specifier(version: str, origin: str, text: str) -> SpecifierSet:
    try:
        return SpecifierSet(version)
    except InvalidSpecifier:
        raise PythonRequestInvalid(text, origin) from None


def _compatible(first: SpecifierSet, second: SpecifierSet) -> bool:
    both = first & second
    return any(both.contains(version) for version in _candidates())


def _candidates() -> list[Version]:
    """Give versions that stand for all there can be; specifiers tell them apart by minor and patch only."""
    return [Version(f"3.{minor}.{patch}") for minor in range(30) for patch in range(30)]
