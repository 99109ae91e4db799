"""`uv.lock`, lock format version 1, read into typed values.

Revisions add fields and never change their meaning, so unknown fields are passed over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from cnb import toml
from uv_buildpack.errors import FileUnreadable, LockfileInvalid, LockfileTooNew

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SUPPORTED_VERSION = 1
LOCAL_SOURCES = frozenset({"editable", "directory", "virtual", "path"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A file of a package: a wheel or a source distribution."""

    filename: str
    hash: str
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """An edge of the graph. Version and source are given only where the name alone is ambiguous."""

    name: str
    version: str | None
    source: str | None
    extras: tuple[str, ...]
    marker: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One `[[package]]`."""

    name: str
    version: str | None
    """Absent for local packages whose version is dynamic."""
    source_kind: str
    """`registry`, `git`, `url`, `path`, `directory`, `editable` or `virtual`."""
    source: str
    """The value of the source: an address, or a path relative to the lock."""
    dependencies: tuple[Dependency, ...]
    extras: Mapping[str, tuple[Dependency, ...]]
    groups: Mapping[str, tuple[Dependency, ...]]
    wheels: tuple[Artifact, ...]
    sdist: Artifact | None
    forks: tuple[str, ...]
    """`resolution-markers`: where this version is the one, if there are several."""
    metadata: Mapping[str, Any] | None
    """`[package.metadata]`: what `pyproject.toml` declared; newer revisions may omit it."""

    @property
    def local(self) -> bool:
        """Tell whether its files are in the app directory."""
        return self.source_kind in LOCAL_SOURCES

    @property
    def installed(self) -> bool:
        """Tell whether uv installs it: a virtual project only brings dependencies."""
        return self.source_kind != "virtual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A whole lock."""

    packages: tuple[LockedPackage, ...]
    members: tuple[str, ...]
    """Members of the workspace; a project that is no workspace is its only one."""
    requires_python: str
    root_groups: Mapping[str, tuple[Dependency, ...]]
    """Groups of a workspace root that is no project itself."""
    conflicts: bool
    digest: str
    supported: tuple[str, ...] = ()
    """Markers of the environments that it was made for (`tool.uv.environments`); none is all."""

    def named(self, name: str) -> tuple[LockedPackage, ...]:
        """Give the packages of a name: several where the lock has forks."""
        return tuple(package for package in self.packages if package.name == name)


def read_lock(path: Path, shown: str) -> Lock:
    """Read a lock. Raises `LockfileInvalid` (naming the value), `LockfileTooNew`, `FileUnreadable`."""
    try:
        content = path.read_bytes()
        document = toml.loads(content.decode("utf-8"))
    except OSError as error:
        raise FileUnreadable(shown, str(error.strerror)) from None
    except (UnicodeDecodeError, toml.TOMLError) as error:
        raise LockfileInvalid(shown, str(error)) from None
    version = document.get("version")
    if not isinstance(version, int):
        raise LockfileInvalid(shown, "`version` is missing.")
    if version > SUPPORTED_VERSION:
        raise LockfileTooNew(shown, version)
    try:
        return _lock(document, hashlib.sha256(content).hexdigest())
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LockfileInvalid(shown, f"A value is missing or has the wrong type: {error}") from None


def _lock(document: Mapping[str, Any], digest: str) -> Lock:
    packages = tuple(_package(entry) for entry in document.get("package", []))
    manifest = document.get("manifest", {})
    return Lock(
        packages=packages,
        members=tuple(manifest.get("members", ())) or _only_member(packages),
        requires_python=document.get("requires-python", ""),
        root_groups=_dependency_table(manifest.get("dependency-groups", {})),
        conflicts=bool(document.get("conflicts")),
        digest=digest,
        supported=tuple(document.get("supported-markers", ())),
    )


def _only_member(packages: Iterable[LockedPackage]) -> tuple[str, ...]:
    return tuple(
        package.name for package in packages if package.source_kind in {"editable", "virtual"} and package.source == "."
    )


def _package(entry: Mapping[str, Any]) -> LockedPackage:
    kind, source = _source(entry["source"])
    return LockedPackage(
        name=canonicalize_name(entry["name"]),
        version=_text(entry.get("version")),
        source_kind=kind,
        source=source,
        dependencies=_dependencies(entry.get("dependencies", [])),
        extras=_dependency_table(entry.get("optional-dependencies", {})),
        groups=_dependency_table(entry.get("dev-dependencies", {})),
        wheels=tuple(_artifact(wheel) for wheel in entry.get("wheels", [])),
        sdist=_artifact(entry["sdist"]) if "sdist" in entry else None,
        forks=tuple(entry.get("resolution-markers", ())),
        metadata=_metadata(entry["metadata"]) if "metadata" in entry else None,
    )


def _metadata(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Check what a package declared: `requires-dist`, `requires-dev` by group, `provides-extras`."""
    for requirement in chain(table.get("requires-dist", ()), *table.get("requires-dev", {}).values()):
        canonicalize_name(requirement["name"])
        SpecifierSet(requirement.get("specifier", ""))
    for extra in table.get("provides-extras", ()):
        canonicalize_name(extra)
    return table


def _source(table: Mapping[str, Any]) -> tuple[str, str]:
    for kind in ("registry", "git", "url", "path", "directory", "editable", "virtual"):
        if kind in table:
            value = str(table[kind])
            return kind, f"{value}#{table['subdirectory']}" if "subdirectory" in table else value
    message = f"unknown source {dict(table)}"
    raise ValueError(message)


def _dependency_table(table: Mapping[str, Any]) -> dict[str, tuple[Dependency, ...]]:
    return {name: _dependencies(entries) for name, entries in table.items()}


def _dependencies(entries: Iterable[Mapping[str, Any]]) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(
            name=canonicalize_name(entry["name"]),
            version=entry.get("version"),
            source=_source(entry["source"])[1] if isinstance(entry.get("source"), dict) else None,
            extras=tuple(entry.get("extra", entry.get("extras", ()))),
            marker=_text(entry.get("marker")),
        )
        for entry in entries
    )


def _artifact(entry: Mapping[str, Any]) -> Artifact:
    # Of an address: torch-2.9.1%2Bcpu-cp313-….whl.
    address = unquote(urlsplit(_text(entry.get("url")) or "").path)
    place = entry.get("filename") or address or entry.get("path") or ""
    return Artifact(filename=place.rsplit("/", 1)[-1], hash=_text(entry.get("hash")) or "", size=entry.get("size"))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    message = f"{value!r} is not a string"
    raise TypeError(message)
