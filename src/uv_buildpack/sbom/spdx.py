"""SPDX 2.3 JSON. Nothing in it differs between equal builds.

https://spdx.github.io/spdx-spec/v2.3/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from uv_buildpack.sbom.component import ALGORITHMS, TOOL, encoded, identifier

if TYPE_CHECKING:
    from uv_buildpack.sbom.component import Component, Contents

# The specification requires a time; this is the one that every file in an image of buildpacks has.
_CREATED = "1980-01-01T00:00:01Z"


def spdx(contents: Contents) -> bytes:
    """Write the contents of a layer as SPDX (media type `application/spdx+json`)."""
    names = _identifiers(contents)
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": contents.name,
        "creationInfo": {"created": _CREATED, "creators": [f"Tool: {TOOL}"]},
        "packages": [_package(component, names[component.purl]) for component in contents.components],
        "relationships": _relationships(contents, names),
    }
    namespace = uuid5(NAMESPACE_URL, encoded(document).decode())
    return encoded({**document, "documentNamespace": f"urn:uuid:{namespace}"})


def _identifiers(contents: Contents) -> dict[str, str]:
    return {component.purl: f"SPDXRef-{identifier(component)}" for component in contents.components}


def _package(component: Component, name: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "SPDXID": name,
        "name": component.name,
        "versionInfo": component.version,
        "downloadLocation": component.vcs or component.download or "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": component.licence_expression or "NOASSERTION",
        "licenseComments": "; ".join(component.licence_names),
        "copyrightText": "NOASSERTION",
        "checksums": _checksums(component),
        "externalRefs": _references(component),
    }
    return {key: value for key, value in document.items() if value or value is False}


def _checksums(component: Component) -> list[dict[str, str]]:
    if component.digest is None or component.digest[0] not in ALGORITHMS:
        return []
    algorithm, value = component.digest
    return [{"algorithm": algorithm.upper(), "checksumValue": value}]


def _references(component: Component) -> list[dict[str, str]]:
    purl = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": component.purl}
    if component.cpe is None:
        return [purl]
    return [purl, {"referenceCategory": "SECURITY", "referenceType": "cpe23Type", "referenceLocator": component.cpe}]


def _relationships(contents: Contents, names: dict[str, str]) -> list[dict[str, str]]:
    described = (("SPDXRef-DOCUMENT", "DESCRIBES", name) for name in names.values())
    needed = (
        (names[component.purl], "DEPENDS_ON", names[purl])
        for component in contents.components
        for purl in component.dependencies
    )
    return [
        {"spdxElementId": subject, "relationshipType": kind, "relatedSpdxElement": object_}
        for subject, kind, object_ in (*described, *needed)
    ]
