"""`pylock.toml`, the lock file that any tool may write (PEP 751), read into the same values as `uv.lock`.

It has no graph: each package says itself, by a marker, where and with which extras and groups it is installed. So the
packages become what one root depends on, and from there everything is as with `uv.lock`.
https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from cnb import toml
from cnb.documents import DocumentError, Table
from uv_buildpack.errors import LockfileInvalid, LockfileTooNew
from uv_buildpack.project import markers
from uv_buildpack.project.files import PYLOCK
from uv_buildpack.project.lockfile import Artifact, Dependency, Lock, LockedPackage, file_name, lock_content

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Any

SUPPORTED_VERSION = "1."
_WHEEL = ".whl"
_KINDS = ("vcs", "directory", "archive")


def read(path: Path, shown: str) -> Lock:
    """Read a lock. Raises `LockfileInvalid` (naming the value), `LockfileTooNew`, `FileUnreadable`."""
    content = lock_content(path, shown)
    try:
        table = Table(toml.loads(content.decode("utf-8-sig")), shown)
        version = table.text("lock-version")
        if not version.startswith(SUPPORTED_VERSION):
            raise LockfileTooNew(shown, version)
        return _lock(table, hashlib.sha256(content).hexdigest())
    except (UnicodeDecodeError, toml.TOMLError, DocumentError) as error:
        raise LockfileInvalid(shown, str(error)) from None


def _lock(document: Table, digest: str) -> Lock:
    entries = document.tables("packages")
    packages = [_package(entry) for entry in entries]
    default = document.texts("default-groups")
    groups = dict.fromkeys([*document.texts("dependency-groups"), *default], ())
    edges = tuple(
        Dependency(
            name=package.name,
            version=package.version,
            source=package.source,
            extras=(),
            marker=markers.read(entry, "marker"),
        )
        for entry, package in zip(entries, packages, strict=True)
    )
    extras = dict.fromkeys(document.texts("extras"), ())
    root = _locked(PYLOCK, None, ("virtual", PYLOCK), dependencies=edges, extras=extras, groups=groups)
    return Lock(
        shown=document.file,
        packages=(root, *packages),
        members=(PYLOCK,),
        requires_python=document.optional_text("requires-python") or "",
        root_groups={},
        root_group_pythons={},
        conflicts=(),
        revision=0,
        digest=digest,
        supported=markers.read_all(document, "environments"),
        default_groups=default,
    )


def _package(entry: Table) -> LockedPackage:
    name, version = canonicalize_name(entry.text("name")), entry.optional_text("version")
    kind = next((kind for kind in _KINDS if kind in entry), None)
    if kind is None:
        wheels = tuple(_artifact(wheel) for wheel in entry.tables("wheels"))
        sdist = _artifact(entry.table("sdist")) if "sdist" in entry else None
        if not wheels and sdist is None:
            raise entry.lacking("wheels", "sdist", *_KINDS)
        return _locked(name, version, ("registry", entry.optional_text("index") or ""), wheels=wheels, sdist=sdist)
    table = entry.table(kind)
    if kind == "vcs":
        if table.text("type") != "git":
            raise table.wrong("git, which is all that uv installs from", "type")
        return _locked(name, version, ("git", f"{table.text('url')}#{table.text('commit-id')}"))
    if kind == "directory":
        place = Path(table.text("path"), table.optional_text("subdirectory") or "")
        editable = bool(table.optional_boolean("editable"))
        return _locked(name, version, ("editable" if editable else "directory", place.as_posix()))
    artifact = _artifact(table)
    source = ("url", table.text("url")) if "url" in table else ("path", table.text("path"))
    if artifact.filename.endswith(_WHEEL):
        return _locked(name, version, source, wheels=(artifact,))
    return _locked(name, version, source, sdist=artifact)


def _locked(  # noqa: PLR0913 (the parts of a package that a pylock.toml has)
    name: str,
    version: str | None,
    source: tuple[str, str],
    *,
    dependencies: tuple[Dependency, ...] = (),
    extras: Mapping[str, tuple[Dependency, ...]] | None = None,
    groups: Mapping[str, tuple[Dependency, ...]] | None = None,
    wheels: tuple[Artifact, ...] = (),
    sdist: Artifact | None = None,
) -> LockedPackage:
    return LockedPackage(
        name=name,
        version=version,
        source_kind=source[0],
        source=source[1],
        dependencies=dependencies,
        extras=extras or {},
        groups=groups or {},
        wheels=wheels,
        sdist=sdist,
        forks=(),
        metadata=None,
        group_pythons={},
    )


def _artifact(entry: Table) -> Artifact:
    url, path = entry.optional_text("url"), entry.optional_text("path")
    if url is None and path is None:
        raise entry.lacking("url", "path")
    hashes = entry.table("hashes")
    if not hashes.values:
        raise entry.wrong("a table with at least one hash", "hashes")
    algorithm = "sha256" if "sha256" in hashes else min(hashes.values)
    name = entry.optional_text("name") or file_name(url or "") or path or ""
    return Artifact(
        filename=name.rsplit("/", 1)[-1],
        hash=f"{algorithm}:{hashes.text(algorithm)}",
        size=entry.optional_integer("size"),
        path=path if url is None else None,
    )


def part(path: Path, numbers: Collection[int]) -> dict[str, Any]:
    """Return a document with some packages of a valid lock, by their numbers, that means the same wherever it is.

    Without markers, extras and groups: what they say has been decided, and uv never installs the default groups beside
    a chosen one (uv 0.13.9, and 0.12.5: https://github.com/astral-sh/uv/blob/0.12.5/crates/uv/src/commands/pip/sync.rs).
    """
    document = toml.loads(path.read_text(encoding="utf-8-sig"))
    chosen = [entry for number, entry in enumerate(document.get("packages", ())) if number in numbers]
    for entry in chosen:
        entry.pop("marker", None)
        for each in (*entry.get("wheels", ()), *(entry[key] for key in ("sdist", *_KINDS) if key in entry)):
            if "path" in each:
                each["path"] = os.path.normpath(path.parent / each["path"])
    kept: dict[str, Any] = {
        key: document[key] for key in ("lock-version", "created-by", "requires-python") if key in document
    }
    return {**kept, "packages": chosen}
