"""The `packages-<name>` layers: heavy packages, moved out of the environment and linked back.

Their key does not hold the lock's digest, so a change of any other package leaves them as they are: they are taken from
the previous image without a directory, whatever their size.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cnb.layer import LayerTypes
from uv_buildpack import key_changes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from uv_buildpack.installed.heavy import Group
    from uv_buildpack.layers.venv import VenvKey

PREFIX = "packages-"
SCHEME = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagesKey:
    """All that decides what is in the layer. Strings only."""

    scheme: str
    python: str
    target: str
    venv: str
    """Path of the environment: it is in the bytecode."""
    path: str
    build_environment: str
    packages: str
    """JSON: name → identity."""
    directories: str
    """JSON: what of site-packages lies in the layer."""


def key(group: Group, environment: VenvKey, identities: Mapping[str, str], layers_dir: Path) -> PackagesKey:
    """Give the key of a group's layer."""
    return PackagesKey(
        scheme=SCHEME,
        python=environment.python,
        target=environment.target,
        venv=environment.path,
        path=str(layers_dir / group.layer),
        build_environment=environment.build_environment,
        packages=_text({package.name: identities.get(package.name, "") for package in group.packages}),
        directories=_text(sorted(name for package in group.packages for name in package.directories)),
    )


def types(*, build: bool) -> LayerTypes:
    """Launch, and for later buildpacks where one asks for the environment."""
    return LayerTypes(launch=True, build=build)


def differences(old: Mapping[str, object], new: PackagesKey) -> list[str]:
    """Say what differs between stored metadata and a key."""
    return key_changes.differences(old, asdict(new), key_changes.third_party)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
