"""What an SBOM lists, apart from the format it is written in."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names of digests as uv.lock has them → as CycloneDX has them.
ALGORITHMS = {"md5": "MD5", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}
TOOL = "uv-buildpack"


class Component(NamedTuple):
    """Something that is installed in a layer."""

    name: str
    version: str
    kind: str
    """`library` or `application`, as CycloneDX has it."""
    purl: str
    """The package URL; also the component's name within the document, so it is unique."""
    licence_expression: str | None = None
    """An SPDX expression."""
    licence_names: tuple[str, ...] = ()
    """Licences in the package's own words, where there is no expression."""
    download: str | None = None
    """Where it is from (an index, an archive), without credentials."""
    vcs: str | None = None
    """The repository and commit it was built from, `git+https://…@commit`."""
    digest: tuple[str, str] | None = None
    """Algorithm (`sha256`) and hexadecimal value of the file it was installed from."""
    cpe: str | None = None
    dependencies: tuple[str, ...] = ()
    """Package URLs of components in the same document."""
    path: str | None = None
    """Where its metadata lies, relative to the layer."""


class Contents(NamedTuple):
    """The components of one layer, sorted by package URL; `name` tells what the layer is."""

    name: str
    components: tuple[Component, ...]


def package_url(kind: str, name: str, version: str, qualifiers: Mapping[str, str] | None = None) -> str:
    """Return the canonical package URL (purl specification, "How to build purl string"), without empty qualifiers."""
    pairs = sorted((key, value) for key, value in (qualifiers or {}).items() if value)
    query = "&".join(f"{key}={quote(value, safe='/:')}" for key, value in pairs)
    return f"pkg:{kind}/{quote(name)}@{quote(version, safe=':')}" + (f"?{query}" if query else "")


def without_credentials(address: str) -> str:
    """Return the address without user, password, query and fragment: any of them may be, or hold, a secret."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def identifier(component: Component) -> str:
    """Return an identifier of letters, digits, `.` and `-` for the component: SPDX allows no others."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", component.purl.partition("?")[0])


def encoded(document: Mapping[str, object]) -> bytes:
    """Write a document: the same value gives the same bytes."""
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
