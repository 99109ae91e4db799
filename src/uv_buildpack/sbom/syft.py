"""Syft JSON, as far as its schema demands (`_SCHEMA_ADDRESS`). Nothing in it differs between equal builds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from uv_buildpack.sbom.component import TOOL, encoded

if TYPE_CHECKING:
    from uv_buildpack.sbom.component import Component, Contents

_SCHEMA = "16.0.0"
_SCHEMA_ADDRESS = f"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-{_SCHEMA}.json"


def syft(contents: Contents) -> bytes:
    """Write the contents of a layer as Syft JSON (media type `application/vnd.syft+json`)."""
    return encoded(
        {
            "artifacts": [_artifact(component) for component in contents.components],
            "artifactRelationships": [
                # In Syft's words the dependency is the parent.
                {"parent": _id(purl), "child": _id(component.purl), "type": "dependency-of"}
                for component in contents.components
                for purl in component.dependencies
            ],
            "source": {
                "id": _id(contents.name),
                "name": contents.name,
                "version": "",
                "type": "directory",
                "metadata": {"path": contents.name},
            },
            "distro": {},
            "descriptor": {"name": TOOL, "version": ""},
            "schema": {"version": _SCHEMA, "url": _SCHEMA_ADDRESS},
        }
    )


def _artifact(component: Component) -> dict[str, Any]:
    python = component.kind == "library"
    return {
        "id": _id(component.purl),
        "name": component.name,
        "version": component.version,
        "type": "python" if python else "binary",
        "foundBy": TOOL,
        "locations": [{"path": component.path, "accessPath": component.path}] if component.path else [],
        "licenses": _licences(component),
        "language": "python" if python else "",
        "cpes": [{"cpe": component.cpe, "source": TOOL}] if component.cpe else [],
        "purl": component.purl,
    }


def _licences(component: Component) -> list[dict[str, Any]]:
    if component.licence_expression:
        expression = component.licence_expression
        return [_licence(expression, expression)]
    return [_licence(name, "") for name in component.licence_names]


def _licence(value: str, expression: str) -> dict[str, Any]:
    return {"value": value, "spdxExpression": expression, "type": "declared", "urls": [], "locations": []}


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
