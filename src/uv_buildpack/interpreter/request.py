"""What version of Python is asked for: uv's request grammar, as far as CPython builds can meet it.

uv's grammar (0.12.5): https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-python/src/discovery.rs
and of `.python-version`: https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-python/src/version_files.rs
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from uv_buildpack import specifiers
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

_OTHER_IMPLEMENTATIONS = frozenset({"pypy", "pp", "graalpy", "gp", "pyodide", "pyston", "jython", "ironpython"})
_NAMED = re.compile(r"(?P<name>[a-z]+)(?P<rest>.*)\Z", re.DOTALL)
_NUMBER = re.compile(r"\d+(?:\.\d+){0,2}(?:(?:a|b|rc)\d+)?\Z", re.ASCII)
_VARIANT = re.compile(r"(?<=\d)(?P<short>td?|d)\Z|(?P<long>(?:\+(?:freethreaded|gil|debug))+)\Z")
_ARCHES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_COMPLETE = 3  # major, minor, patch


class PythonRequest(NamedTuple):
    """A request: which versions will do, and where it was written."""

    specifier: SpecifierSet
    freethreaded: bool
    text: str
    origin: str
    arch: str | None = None
    """The machine, where the request names one (`cpython-3.13.4-linux-x86_64-gnu`)."""
    libc: str | None = None


def parse(text: str, origin: str) -> PythonRequest:
    """Read one request, such as `3.13`, `>=3.12,<3.14`, `3.13t`, `cpython@3.13`, `cpython-3.13.4-linux-x86_64-gnu`.

    Raises `PythonRequestInvalid`, `PythonImplementationUnsupported`.
    """
    wanted = text.strip()
    if len(wanted) > specifiers.LONGEST:
        raise PythonRequestInvalid(f"{wanted[:40]}…", origin, "It is too long.")
    if re.search(r"[/\\]|^\.|^~(?!=)", wanted):
        raise PythonRequestInvalid(wanted, origin, "It is a path; the image gets an interpreter of its own.")
    named = _NAMED.match(wanted.lower())
    if named is None:
        return _key(wanted, _unbound(wanted, origin)) if wanted else _refuse(wanted, origin)
    name, rest = named["name"], named["rest"]
    if name in _OTHER_IMPLEMENTATIONS:
        raise PythonImplementationUnsupported(wanted, origin)
    if name in {"any", "default"} and rest[:1] in {"", "-"}:
        return _key(rest[1:], _unbound(wanted, origin))
    if name in {"cpython", "cp", "python"}:
        # Only after a hyphen may a machine follow: `cpython@3.13-linux` is the name of a program to uv.
        if rest[:1] != "-" and "-" in rest:
            return _refuse(wanted, origin)
        return _key(rest[1:] if rest[:1] in {"@", "-"} else rest, _unbound(wanted, origin))
    return _refuse(wanted, origin)


def _refuse(wanted: str, origin: str) -> NoReturn:
    raise PythonRequestInvalid(wanted, origin)


def read_file(path: Path, shown: str) -> PythonRequest:
    """Read a `.python-version`: comments and blank lines are passed over, and the first request decides.

    Raises `PythonVersionFileInvalid` (not UTF-8, a byte order mark, nothing usable) and what `parse` raises.
    """
    for number, line in enumerate(_lines(path, shown), 1):
        request = line.partition("#")[0].strip()
        if request:
            return parse(request, f"{shown}, line {number}")
    raise PythonVersionFileInvalid(shown, "It contains no version.")


def combine(requests: Sequence[PythonRequest], required: Sequence[tuple[str, str]]) -> PythonRequest:
    """Return the request that decides, narrowed by every `requires-python` (text, file) that narrows those before it.

    `requests` come in order of preference. Raises `PythonRequestContradictory` where two of them cannot both hold.
    """
    collector = Collector()
    bounds: list[tuple[SpecifierSet, str]] = []
    for text, file in required:
        with collector.collecting():
            bound = _specifier(text, f"requires-python in {file}", text)
            if not _is_implied(bound, [earlier for earlier, _ in bounds]):
                bounds.append((bound, file))
    collector.raise_if_any()
    # Of several requests the first decides; every `requires-python` has to hold beside it.
    chosen = requests[0] if requests else _from_bounds(bounds)
    seen = [(chosen.specifier, chosen.text, chosen.origin)] if requests else []
    for specifier, file in bounds:
        for other, text, origin in seen:
            if not _compatible(other, specifier):
                raise PythonRequestContradictory(text, origin, str(specifier), file)
        seen.append((specifier, str(specifier), f"requires-python in {file}"))
    narrowed = chosen.specifier
    for specifier, _ in bounds:
        narrowed &= specifier
    return chosen._replace(specifier=narrowed)


def _from_bounds(bounds: Sequence[tuple[SpecifierSet, str]]) -> PythonRequest:
    if not bounds:
        return _unbound("any version", "no request")
    texts = sorted({str(specifier) for specifier, _ in bounds})
    return _unbound(" and ".join(texts), f"requires-python in {bounds[0][1]}")


def _unbound(text: str, origin: str) -> PythonRequest:
    return PythonRequest(specifier=SpecifierSet(), freethreaded=False, text=text, origin=origin)


def _lines(path: Path, shown: str) -> list[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PythonVersionFileInvalid(shown, str(error.strerror)) from None
    if content.startswith(b"\xef\xbb\xbf"):
        raise PythonVersionFileInvalid(f"{shown}, line 1,", "It begins with a byte order mark.")
    try:
        return content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PythonVersionFileInvalid(f"{shown}, line {line},", f"It is not UTF-8 (byte {error.start}).") from None


def _key(key: str, request: PythonRequest) -> PythonRequest:
    """Read what may follow the implementation: version, then operating system, machine and C library, any left out."""
    version, *platform = key.split("-") if re.match(r"[\w.+]*(-|\Z)", key) else [key]
    return _platform(platform, request if version in {"any", ""} else _version(version, request))


def _platform(parts: Sequence[str], request: PythonRequest) -> PythonRequest:
    for part in parts:
        if part in _ARCHES:
            request = request._replace(arch=_ARCHES[part])
        elif part in {"gnu", "musl"}:
            request = request._replace(libc=part)
        elif part not in {"linux", "any"}:
            raise PythonRequestInvalid(
                request.text, request.origin, f"The image runs Linux, and {part!r} does not match."
            )
    return request


def _version(version: str, request: PythonRequest) -> PythonRequest:
    variant = _VARIANT.search(version)
    named = variant[0] if variant else ""
    if "debug" in named or named in {"d", "td"}:
        raise PythonRequestInvalid(request.text, request.origin, "Debug builds are not available.")
    request = request._replace(freethreaded=named in {"t", "+freethreaded"})
    number = version.removesuffix(named)
    if _NUMBER.match(number):
        return _numbered(number, request)
    return request._replace(specifier=_specifier(number, request.origin, request.text))


def _numbered(number: str, request: PythonRequest) -> PythonRequest:
    if "." not in number and len(number) > 1 and number.isdigit():
        number = f"{number[0]}.{number[1:]}"  # the form of wheel tags: 313
    parts = number.split(".")
    complete = len(parts) == _COMPLETE or not number.replace(".", "").isdigit()
    return request._replace(specifier=SpecifierSet(f"=={number}" if complete else f"=={number}.*"))


def _specifier(version: str, origin: str, text: str) -> SpecifierSet:
    try:
        specifier = specifiers.read(version)
    except InvalidSpecifier:
        raise PythonRequestInvalid(text, origin) from None
    if any(part.operator == "===" for part in specifier):
        raise PythonRequestInvalid(text, origin, "=== compares text, so that no other spelling of the version matches.")
    return specifier


def _is_implied(bound: SpecifierSet, others: Sequence[SpecifierSet]) -> bool:
    return bool(others) and all(
        bound.contains(version) for version in _grid() if all(other.contains(version) for other in others)
    )


def _compatible(first: SpecifierSet, second: SpecifierSet) -> bool:
    both = first & second
    named = (Version(part.version) for part in both if not part.version.endswith(".*"))
    return any(both.contains(version, prereleases=True) for version in (*named, *_grid()))


@cache
def _grid() -> tuple[Version, ...]:
    """Return versions that stand for all there can be; specifiers tell them apart by minor and patch only."""
    return tuple(Version(f"3.{minor}.{patch}") for minor in range(30) for patch in range(30))
