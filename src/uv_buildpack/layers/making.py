"""What only a build imports that makes a layer, in one place: `defer_imports` puts it off until something is used.

A hot build compares keys and makes nothing; it does not pay for these.
"""

from uv_buildpack import sbom
from uv_buildpack.installed import system_libraries
from uv_buildpack.interpreter import installation
from uv_buildpack.layers import local_install, lock_parts, supply
from uv_buildpack.layers.venv import cold, contents, warm
from uv_buildpack.uv import releases

__all__ = [
    "cold",
    "contents",
    "installation",
    "local_install",
    "lock_parts",
    "releases",
    "sbom",
    "supply",
    "system_libraries",
    "warm",
]
