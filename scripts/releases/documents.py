"""The data files: what of uv's data the buildpack needs, in an order that makes a refresh a readable diff."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from releases.source import Document

_WHEEL = re.compile(r"-py3-none-(?P<tags>\S+)\.whl$")
_BASE = "https://github.com/astral-sh/python-build-standalone/releases/download/"
_ARCHES = ("x86_64", "aarch64")
_LIBCS = {"gnu": "manylinux", "musl": "musllinux"}
_OLDEST = (3, 8)


def uv_document(package: Document) -> Document:
    """Return version and Linux wheels of uv, by file name alone: where they are is the index's matter."""
    wheels = [wheel for entry in package["wheels"] for wheel in _wheels(entry)]
    return {
        "version": package["version"],
        "wheels": sorted(wheels, key=lambda wheel: (wheel["filename"], wheel["libc"])),
    }


def _wheels(entry: Mapping[str, str]) -> Iterator[Document]:
    """Return an entry for each architecture and C library that a wheel is for; some are for both libraries."""
    filename = entry["url"].rsplit("/", 1)[-1]
    found = _WHEEL.search(filename)
    tags = found["tags"] if found else ""
    for arch in _ARCHES:
        for libc, platform in _LIBCS.items():
            if platform in tags and tags.endswith(f"_{arch}"):
                sha256 = entry["hash"].removeprefix("sha256:")
                yield {"filename": filename, "sha256": sha256, "size": entry["size"], "arch": arch, "libc": libc}


def variables_document(version: str, source: str) -> Document:
    """Return the names of uv's variables, from the Rust source that declares them; without those of its own tests."""
    names = set(re.findall(r'^\s*pub const \w+: &.static str = "(UV_\w+)";', source, re.MULTILINE))
    return {"version": version, "variables": sorted(name for name in names if not name.startswith("UV_INTERNAL_"))}


def cpython_document(table: Document) -> Document:
    """Return the newest build of each version, architecture, C library and variant.

    Microarchitecture levels (`x86_64_v3`) are left out: they need a newer processor than the platform may have.
    """
    newest: dict[tuple[Version, str, str, str], Document] = {}
    for entry in table.values():
        if _is_wanted(entry):
            build = _build(entry)
            key = (Version(build["version"]), build["arch"], build["libc"], build["variant"])
            if key not in newest or newest[key]["date"] < build["date"]:
                newest[key] = build
    return {"builds": [newest[key] for key in sorted(newest)]}


def _is_wanted(entry: Document) -> bool:
    arch = entry["arch"]
    return (
        (entry["name"], entry["os"], arch["variant"]) == ("cpython", "linux", None)
        and arch["family"] in _ARCHES
        and entry["libc"] in _LIBCS
        and entry["variant"] in {None, "freethreaded"}
        and entry["sha256"] is not None
        and entry["url"].startswith(_BASE)
        and re.search(r"-install_only(_stripped)?\.tar\.(gz|zst)$", entry["url"]) is not None
        and (entry["major"], entry["minor"]) >= _OLDEST
    )


def _build(entry: Document) -> Document:
    path = entry["url"].removeprefix(_BASE).replace("%2B", "+")
    return {
        "version": f"{entry['major']}.{entry['minor']}.{entry['patch']}{entry['prerelease'] or ''}",
        "date": path.split("/")[0],
        "arch": entry["arch"]["family"],
        "libc": entry["libc"],
        "variant": entry["variant"] or "default",
        "path": path,
        "sha256": entry["sha256"],
    }


def written(document: Document) -> str:
    """Return a document as JSON, with a line for each entry of its lists."""
    return "{" + ",\n".join(f"{json.dumps(key)}: {_value(value)}" for key, value in document.items()) + "}\n"


def _value(value: object) -> str:
    if isinstance(value, list):
        return _lines(value)
    return json.dumps(value)


def _lines(entries: Sequence[object]) -> str:
    return "[\n" + ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries) + "\n]"
