"""Software bills of materials: what is installed in a layer, exactly, in the three formats of the specification."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cnb.layer import SBOMFormat
from uv_buildpack.sbom.component import Component, Contents, package_url
from uv_buildpack.sbom.cyclonedx import cyclonedx
from uv_buildpack.sbom.installed import components
from uv_buildpack.sbom.spdx import spdx
from uv_buildpack.sbom.syft import syft

if TYPE_CHECKING:
    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.project.lockfile import Lock

__all__ = ["of_packages", "of_python"]


def of_packages(site_packages: SitePackages, lock: Lock, *, name: str = "venv") -> dict[SBOMFormat, bytes]:
    """Describe what is installed in `site_packages` of the layer `name`; the lock adds origins and digests.

    Raises `OSError`.
    """
    return _written(Contents(name, components(site_packages, lock)))


def of_python(version: str, *, url: str, sha256: str) -> dict[SBOMFormat, bytes]:
    """Describe the interpreter: its version, and the archive that it was unpacked from."""
    qualifiers = {"checksum": f"sha256:{sha256}", "download_url": url}
    interpreter = Component(
        name="cpython",
        version=version,
        kind="application",
        purl=package_url("generic", "cpython", version, qualifiers),
        licence_expression="Python-2.0",
        download=url,
        digest=("sha256", sha256),
        cpe=f"cpe:2.3:a:python:python:{version}:*:*:*:*:*:*:*",
    )
    return _written(Contents("python", (interpreter,)))


def _written(contents: Contents) -> dict[SBOMFormat, bytes]:
    return {
        SBOMFormat.CYCLONEDX: cyclonedx(contents),
        SBOMFormat.SPDX: spdx(contents),
        SBOMFormat.SYFT: syft(contents),
    }
