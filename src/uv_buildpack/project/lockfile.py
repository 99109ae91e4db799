"""`uv.lock`, lock format version 1, read into typed values.

Revisions add fields and never change their meaning, so unknown fields are passed over.
The format is what uv writes: https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-resolver/src/lock/mod.rs (0.12.5)
"""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from cnb import toml
from cnb.documents import DocumentError, Table
from uv_buildpack import specifiers
from uv_buildpack.errors import FileUnreadable, LockfileInvalid, LockfileTooNew
from uv_buildpack.project import markers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SUPPORTED_VERSION = 1
UV_LOCK = "uv.lock"
_FILE = "file://"
LOCAL_SOURCES = frozenset({"editable", "directory", "virtual", "path"})
_SOURCES = ("registry", "git", "url", "path", "directory", "editable", "virtual")


class Artifact(NamedTuple):
    """A file of a package: a wheel or a source distribution."""

    filename: str
    hash: str
    """Empty where uv writes none: for files of a flat index or of `find-links` in the app directory."""
    size: int | None
    path: str | None = None
    """Where it is, relative to the lock, if it is a file of this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictItem:
    """A package, or an extra or a group of it, that cannot be installed together with others."""

    package: str
    extra: str | None
    group: str | None

    def __str__(self) -> str:
        """Return it in words."""
        if self.extra is not None:
            return f"the extra {self.extra} of {self.package}"
        return f"the group {self.group} of {self.package}" if self.group is not None else f"the package {self.package}"


class Dependency(NamedTuple):
    """An edge of the graph. Version and source are given only where the name alone is ambiguous."""

    name: str
    version: str | None
    source: str | None
    extras: tuple[str, ...]
    marker: str | None


class LockedPackage(NamedTuple):
    """One `[[package]]`."""

    name: str
    version: str | None
    """Absent for local packages whose version is dynamic."""
    source_kind: str
    """`registry`, `git`, `url`, `path`, `directory`, `editable` or `virtual`."""
    source: str
    """The value of the source: an address (with `#` and the subdirectory), or a path relative to the lock."""
    dependencies: tuple[Dependency, ...]
    extras: Mapping[str, tuple[Dependency, ...]]
    groups: Mapping[str, tuple[Dependency, ...]]
    wheels: tuple[Artifact, ...]
    sdist: Artifact | None
    forks: tuple[str, ...]
    """`resolution-markers`: where this version is the one, if there are several."""
    metadata: Mapping[str, Any] | None
    """`[package.metadata]`: what `pyproject.toml` declared; newer revisions may omit it."""
    group_pythons: Mapping[str, str]
    """`[package.group-requires-python]`: group → specifier, what its included groups ask for as well."""

    @property
    def local(self) -> bool:
        """Return whether its files are in the app directory."""
        return self.source_kind in LOCAL_SOURCES

    @property
    def installed(self) -> bool:
        """Return whether uv installs it: a virtual project only brings dependencies."""
        return self.source_kind != "virtual"


class Lock(NamedTuple):
    """A whole lock."""

    shown: str
    """The file as users know it, for messages."""
    packages: tuple[LockedPackage, ...]
    members: tuple[str, ...]
    """Members of the workspace; a project that is no workspace is its only one."""
    requires_python: str
    root_groups: Mapping[str, tuple[Dependency, ...]]
    """Groups of a workspace root that is no project itself."""
    root_group_pythons: Mapping[str, str]
    """The same as `LockedPackage.group_pythons`, of those groups."""
    conflicts: tuple[tuple[ConflictItem, ...], ...]
    """Sets of which one at most can be installed."""
    revision: int
    digest: str
    default_groups: tuple[str, ...] = ()
    """Groups that are installed without being asked for, which only a `pylock.toml` has."""
    supported: tuple[str, ...] = ()
    """Markers of the environments that it was made for (`tool.uv.environments`); none is all."""

    def named(self, name: str) -> tuple[LockedPackage, ...]:
        """Return the packages of a name: several where the lock has forks."""
        return tuple(package for package in self.packages if package.name == name)


def read_lock(path: Path, shown: str) -> Lock:
    """Read a `uv.lock`, or the lock of a script.

    Raises `LockfileInvalid` (naming the value), `LockfileTooNew`, `FileUnreadable`.
    """
    content = lock_content(path, shown)
    try:
        # uv passes over a byte order mark.
        document = toml.loads(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, toml.TOMLError) as error:
        raise LockfileInvalid(shown, str(error)) from None
    try:
        table = Table(document, shown)
        version = table.integer("version")
        if version > SUPPORTED_VERSION:
            raise LockfileTooNew(shown, version)
        script = "" if path.name == UV_LOCK else path.name.removesuffix(".lock")
        return _lock(table, hashlib.sha256(content).hexdigest(), script)
    except DocumentError as error:
        raise LockfileInvalid(shown, str(error)) from None


def lock_content(path: Path, shown: str) -> bytes:
    """Return the bytes of a lock. Raises `FileUnreadable`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadable(shown, str(error.strerror)) from None


def _lock(document: Table, digest: str, script: str) -> Lock:
    packages = tuple(_package(entry) for entry in document.tables("package"))
    manifest = document.table("manifest")
    if script:
        packages += (_script(manifest, script),)
    return Lock(
        shown=document.file,
        packages=packages,
        members=(script,) if script else manifest.texts("members") or _only_member(packages),
        requires_python=document.optional_text("requires-python") or "",
        root_groups=_dependency_table(manifest.table("dependency-groups")),
        root_group_pythons=_texts(manifest.table("group-requires-python")),
        conflicts=_conflicts(document),
        revision=document.optional_integer("revision") or 0,
        digest=digest,
        supported=markers.read_all(document, "supported-markers"),
    )


def _script(manifest: Table, name: str) -> LockedPackage:
    """Return a script as a package that only brings dependencies: those its metadata declare, which the lock repeats.

    Its name is that of the file, which no package can have.
    """
    return LockedPackage(
        name=name,
        version=None,
        source_kind="virtual",
        source=name,
        dependencies=_dependencies(manifest, "requirements"),
        extras={},
        groups={},
        wheels=(),
        sdist=None,
        forks=(),
        metadata=_metadata(Table({"requires-dist": manifest.array("requirements")}, manifest.file, manifest.path)),
        group_pythons={},
    )


def _only_member(packages: Iterable[LockedPackage]) -> tuple[str, ...]:
    return tuple(
        package.name for package in packages if package.source_kind in {"editable", "virtual"} and package.source == "."
    )


def _package(entry: Table) -> LockedPackage:
    kind, source = _source(entry)
    return LockedPackage(
        name=canonicalize_name(entry.text("name")),
        version=entry.optional_text("version"),
        source_kind=kind,
        source=source,
        dependencies=_dependencies(entry, "dependencies"),
        extras=_dependency_table(entry.table("optional-dependencies")),
        groups=_dependency_table(entry.table("dev-dependencies")),
        wheels=tuple(_artifact(wheel, source) for wheel in entry.tables("wheels")),
        sdist=_sdist(entry.table("sdist"), kind, source) if "sdist" in entry else None,
        forks=markers.read_all(entry, "resolution-markers"),
        metadata=_metadata(entry.table("metadata")) if "metadata" in entry else None,
        group_pythons=_texts(entry.table("group-requires-python")),
    )


def _sdist(entry: Table, kind: str, source: str) -> Artifact:
    found = _artifact(entry, source)
    # That of a package from an address has the address in its `source` only.
    return found if found.filename or kind != "url" else found._replace(filename=file_name(source))


def file_name(address: str) -> str:
    """Return the name of the file at an address: torch-2.9.1%2Bcpu-cp313-….whl has a `+` in it."""
    return unquote(address.partition("#")[0].partition("?")[0]).rsplit("/", 1)[-1]


def _texts(table: Table) -> dict[str, str]:
    return {name: table.text(name) for name in table.values}


def _conflicts(document: Table) -> tuple[tuple[ConflictItem, ...], ...]:
    sets = []
    for number, items in enumerate(document.array("conflicts")):
        if not isinstance(items, list):
            raise document.wrong("an array", "conflicts", number)
        sets.append(tuple(_conflict_item(document, number, position, item) for position, item in enumerate(items)))
    return tuple(sets)


def _conflict_item(document: Table, number: int, position: int, item: object) -> ConflictItem:
    if not isinstance(item, dict):
        raise document.wrong("a table", "conflicts", number, position)
    entry = Table(item, document.file, ("conflicts", number, position))
    return ConflictItem(
        package=canonicalize_name(entry.text("package")),
        extra=entry.optional_text("extra"),
        group=entry.optional_text("group"),
    )


def _metadata(table: Table) -> Mapping[str, Any]:
    """Check what a package declared: `requires-dist`, `requires-dev` by group, `provides-extras`."""
    groups = table.table("requires-dev")
    for requirement in chain(table.tables("requires-dist"), *(groups.tables(name) for name in groups.values)):
        requirement.text("name")
        requirement.texts("extras")
        try:
            specifiers.read(requirement.optional_text("specifier") or "")
        except ValueError:
            raise requirement.wrong("a version specifier", "specifier") from None
    table.texts("provides-extras")
    return table.values


def _source(entry: Table) -> tuple[str, str]:
    table = entry.table("source")
    kind = next((kind for kind in _SOURCES if kind in table), None)
    if kind is None:
        raise table.lacking(*_SOURCES)
    value, subdirectory = table.text(kind), table.optional_text("subdirectory")
    if kind in LOCAL_SOURCES and "\0" in value:
        raise table.wrong("a path", kind)
    # Only addresses have one; the `#` in a path is part of a name.
    return kind, f"{value}#{subdirectory}" if kind == "url" and subdirectory is not None else value


def _dependency_table(table: Table) -> dict[str, tuple[Dependency, ...]]:
    return {name: _dependencies(table, name) for name in table.values}


def _dependencies(table: Table, key: str) -> tuple[Dependency, ...]:
    return tuple(
        Dependency(
            name=canonicalize_name(entry.text("name")),
            version=entry.optional_text("version"),
            source=_source(entry)[1] if "source" in entry else None,
            extras=entry.texts("extra" if "extra" in entry else "extras"),
            marker=markers.read(entry, "marker"),
        )
        for entry in table.tables(key)
    )


def _artifact(entry: Table, source: str) -> Artifact:
    url, path = entry.optional_text("url") or "", entry.optional_text("path")
    # Of an address: torch-2.9.1%2Bcpu-cp313-….whl.
    address = unquote(url.partition("#")[0].partition("?")[0])
    if path is not None:
        path = posixpath.join(source, path)  # relative to the index, which is relative to the lock
    elif address.startswith(_FILE):
        path = address.removeprefix(_FILE)
    if path is not None and "\0" in path:
        raise entry.wrong("a path", "path")
    place = entry.optional_text("filename") or address or path or ""
    return Artifact(
        filename=place.rsplit("/", 1)[-1],
        hash=entry.optional_text("hash") or "",
        size=entry.optional_integer("size"),
        path=path,
    )
