"""The bill of materials of the package: what it carries besides its own code."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from packaging.markers import Marker

from uv_buildpack.sbom.component import Component, Contents, package_url
from uv_buildpack.sbom.cyclonedx import cyclonedx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_REQUIREMENT = re.compile(r"^([a-z0-9.-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)


def bill_of_materials(repository: Path, package: Path) -> bytes:
    """Return a CycloneDX document for a packaged directory. Raises OSError."""
    library = next(package.glob("runtime/lib/python3.*"))
    python = library.name.removeprefix("python")
    requirements = (repository / "requirements/vendor.txt").read_text(encoding="utf-8")
    uv = json.loads((repository / "src/uv_buildpack/data/uv.json").read_text(encoding="utf-8"))["version"]
    found = [_application("cpython", python, "generic"), _application("uv", uv, "pypi")]
    return cyclonedx(Contents("uv-buildpack", (*found, *_libraries(requirements, python))))


def _application(name: str, version: str, kind: str) -> Component:
    return Component(name=name, version=version, kind="application", purl=package_url(kind, name, version))


def _libraries(requirements: str, python: str) -> Iterator[Component]:
    """Return the requirements that apply to the Python that the package carries."""
    environment = {"python_full_version": f"{python}.0", "python_version": python}
    for name, version, marker in _REQUIREMENT.findall(requirements):
        if not marker or Marker(marker).evaluate(environment):
            yield Component(name=name, version=version, kind="library", purl=package_url("pypi", name, version))
