"""The `packages-<name>` layers: heavy packages, moved out of the environment and linked back.

Their key does not hold the lock's digest, so a change of any other package leaves them as they are: they are taken from
the previous image without a directory, whatever their size.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnb.layer import LayerTypes
from uv_buildpack.layers import reuse
from uv_buildpack.layers.reuse import part
from uv_buildpack.layers.venv.key import for_bundles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.installed.heavy import Bundle
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.venv.key import VenvKey

PREFIX = "packages-"
SCHEME = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesKey:
    """All that decides what is in the layer. Strings only."""

    scheme: str = part()
    python: str = part()
    target: str = part()
    venv: str = part()
    """Path of the environment: it is in the bytecode."""
    path: str = part()
    build_environment: str = part(reuse.variables)
    packages: str = part(reuse.third_party)
    """JSON: name → identity."""
    directories: str = part()
    """JSON: what of site-packages lies in the layer."""


def key(bundle: Bundle, environment: VenvKey, identities: Mapping[str, str], layers_dir: Path) -> PackagesKey:
    """Return the key of a bundle's layer; `identities` are those of the packages of this build."""
    return PackagesKey(
        scheme=SCHEME,
        path=str(layers_dir / bundle.layer),
        packages=_text({package.name: identities.get(package.name, "") for package in bundle.packages}),
        directories=_text(sorted(name for package in bundle.packages for name in package.directories)),
        **for_bundles(environment),
    )


def wanted(
    context: BuildContext, bundle: Bundle, environment: VenvKey, identities: Mapping[str, str], *, on_disk: bool
) -> Wanted[PackagesKey]:
    """Return the layer of a heavy bundle as this build wants it."""
    new = key(bundle, environment, identities, context.layers_dir)
    return reuse.wanted(context, bundle.layer, new, on_disk=on_disk)


def types(*, build: bool) -> LayerTypes:
    """Return the types: for launch, and for later buildpacks if one asks for the environment."""
    return LayerTypes(launch=True, build=build)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
