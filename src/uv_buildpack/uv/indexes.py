"""The package indexes of a project, so that a failure can name the index and the variables with its credentials.

uv takes them from the workspace root's `uv.toml` or `[tool.uv]`, from a member's `[tool.uv]`, from the user's own
`uv.toml`, and from variables (uv 0.13, https://docs.astral.sh/uv/concepts/indexes/).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from cnb import toml
from uv_buildpack.project import selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.project.files import Project

_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)=(?P<url>\S+)")


class Index(NamedTuple):
    """An index: its address, and the name that `[[tool.uv.index]]` gives it, if any."""

    url: str
    name: str = ""

    @property
    def prefix(self) -> str:
        """What the variables with its credentials begin with; empty if it has no name.

        https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-distribution-types/src/index_name.rs (`to_env_var`)
        """
        return f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', self.name.upper())}" if self.name else ""

    @property
    def shown(self) -> str:
        """Name the index for a message, without the credentials that its address may hold."""
        place = without_login(self.url)
        return f"{self.name} ({place})" if self.name else place


class Indexes(NamedTuple):
    """The indexes of a build, and where the lock has each package from: name → address of its index, or its digest."""

    known: Sequence[Index] = ()
    registries: Sequence[tuple[str, str]] = ()

    def of_package(self, name: str) -> Index | None:
        """Return the index that the lock has a package from."""
        source = dict(self.registries).get(name, "")
        return next((index for index in self.known if _is_source(index.url, source)), None)

    def of_address(self, url: str) -> Index | None:
        """Return the index that an address belongs to: the longest that it begins with, else one on the same host."""
        address = without_login(url)
        inside = [index for index in self.known if address.startswith(without_login(index.url).rstrip("/"))]
        if inside:
            return max(inside, key=lambda index: len(index.url))
        host = _host(address)
        return next((index for index in self.known if host and _host(without_login(index.url)) == host), None)


def of_project(environment: Mapping[str, str], project: Project, user_file: Path | None) -> tuple[Index, ...]:
    """Return the indexes of a project, those with names first. Raises `OSError`, `UvSettingsInvalid`."""
    tables: list[Mapping[str, Any]] = [project.root.uv_settings(), project.pyproject.uv]
    if user_file is not None:
        tables.append(_load(user_file))
    found = [index for table in tables for index in _of_settings(table)]
    for variable in _VARIABLES:
        for word in environment.get(variable, "").split():
            named = _NAMED.fullmatch(word)
            found.append(Index(named["url"], named["name"]) if named else Index(word))
    # A message about an index with a name can name its variables.
    return tuple(sorted(dict.fromkeys(found), key=lambda index: not index.name))


def registries(packages: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return name → digest of the index's address, of packages by their identity (`project.selection.identity`)."""
    sources = ((name, identity.split()[1].partition("=")) for name, identity in packages.items())
    return tuple((name, digest) for name, (kind, _, digest) in sources if kind == "registry")


def default_of(environment: Mapping[str, str], settings: Mapping[str, Any]) -> Index | None:
    """Return the index that uv asks for a package that no source pins, if it is not uv's own default."""
    for variable in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        if word := environment.get(variable, "").strip():
            named = _NAMED.fullmatch(word)
            return Index(named["url"], named["name"]) if named else Index(word)
    tables = settings.get("index")
    for table in tables if isinstance(tables, list) else ():
        if isinstance(table, dict) and table.get("default") is True:
            return Index(str(table.get("url", "")), str(table.get("name", "")))
    url = settings.get("index-url")
    return Index(url) if isinstance(url, str) else None


def _of_settings(table: Mapping[str, Any]) -> Iterator[Index]:
    entries = table.get("index")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("url"), str):
            yield Index(entry["url"], str(entry.get("name", "")))
    extra = table.get("extra-index-url")
    for url in (table.get("index-url"), *(extra if isinstance(extra, list) else ())):
        if isinstance(url, str):
            yield Index(url)


def _load(path: Path) -> Mapping[str, Any]:
    try:
        return toml.load(path)
    except toml.TOMLError:
        return {}  # uv says what is wrong with it, in its own words


def _is_source(url: str, source: str) -> bool:
    """Return whether a source is an index. uv writes addresses as they are set, with or without a slash at the end."""
    plain = without_login(url).rstrip("/")
    digests = {selection.source_digest(f"{plain}{end}") for end in ("", "/")}
    return bool(source) and (source in digests or without_login(source).rstrip("/") == plain)


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0]


def without_login(url: str) -> str:
    """Return an address without user and password."""
    scheme, separator, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{separator}{place.rpartition('@')[2]}{slash}{path}"
