"""CycloneDX 1.5 JSON. Nothing in it differs between equal builds: no time, a serial number made from the content.

https://cyclonedx.org/docs/1.5/json/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from uv_buildpack.sbom.component import ALGORITHMS, TOOL, encoded

if TYPE_CHECKING:
    from uv_buildpack.sbom.component import Component, Contents


def cyclonedx(contents: Contents) -> bytes:
    """Write the contents of a layer as CycloneDX (media type `application/vnd.cyclonedx+json`)."""
    document = _document(contents)
    # The specification wants a UUID; a random one would make another layer of each build.
    serial = uuid5(NAMESPACE_URL, encoded(document).decode())
    first = {name: document.pop(name) for name in ("bomFormat", "specVersion")}
    return encoded({**first, "serialNumber": f"urn:uuid:{serial}", **document})


def _document(contents: Contents) -> dict[str, Any]:
    root = f"layer:{contents.name}"
    depended_on = {purl for component in contents.components for purl in component.dependencies}
    own = [component.purl for component in contents.components]
    # Where the graph begins: at what nothing else needs. (In a circle of packages that would be none.)
    tops = [purl for purl in own if purl not in depended_on] or own
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": TOOL}]},
            "component": {"type": "container", "bom-ref": root, "name": contents.name},
        },
        "components": [_component(component) for component in contents.components],
        "dependencies": [
            {"ref": root, "dependsOn": tops},
            *({"ref": one.purl, "dependsOn": list(one.dependencies)} for one in contents.components),
        ],
    }


def _component(component: Component) -> dict[str, Any]:
    document: dict[str, Any] = {
        "type": component.kind,
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "hashes": _hashes(component),
        "licenses": _licences(component),
        "cpe": component.cpe,
        "purl": component.purl,
        "externalReferences": _references(component),
    }
    return {key: value for key, value in document.items() if value}


def _hashes(component: Component) -> list[dict[str, str]]:
    if component.digest is None or component.digest[0] not in ALGORITHMS:
        return []
    algorithm, value = component.digest
    return [{"alg": ALGORITHMS[algorithm], "content": value}]


def _licences(component: Component) -> list[dict[str, Any]]:
    if component.licence_expression:
        return [{"expression": component.licence_expression}]
    return [{"license": {"name": name}} for name in component.licence_names]


def _references(component: Component) -> list[dict[str, str]]:
    references = (("distribution", component.download), ("vcs", component.vcs))
    return [{"type": kind, "url": address} for kind, address in references if address]
