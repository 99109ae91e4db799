"""What decides the contents of the environment, and what each part of that decides besides."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from uv_buildpack import decisions
from uv_buildpack.layers import reuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uv_buildpack.layers.reuse import Words

NAME = decisions.LAYER
SCHEME = "1"
"""Raised when what is made of equal inputs changes."""

_SNAPSHOT, _BUNDLES, _WHEELS = "snapshot", "bundles", "wheels"


def _part(*, snapshot: bool, bundles: bool, wheels: bool, words: Words = reuse.values) -> Any:  # noqa: ANN401 (a field)
    """Declare a part of the key, which also decides other things, each with `True`.

    `snapshot`: whether a snapshot of the environment is of use at all; else uv brings it up to date.
    `bundles`: what is in the layers of heavy packages, which have a field of the same name.
    `wheels`: what is in the wheels that are built from source.
    """
    return field(metadata={**reuse.told(words), _SNAPSHOT: snapshot, _BUNDLES: bundles, _WHEELS: wheels})


@dataclass(frozen=True, slots=True, kw_only=True)
class VenvKey:
    """All that decides what is in the layer. Strings only; a difference is computed over the fields."""

    scheme: str = _part(snapshot=True, bundles=False, wheels=False)
    python: str = _part(snapshot=True, bundles=True, wheels=True)
    """Version, build, variant and digest of the interpreter."""
    target: str = _part(snapshot=True, bundles=True, wheels=True)
    """Operating system, architecture, C library, distribution and its version."""
    venv: str = _part(snapshot=True, bundles=True, wheels=False)
    """Path of the layer: it is in scripts and in bytecode."""
    build_environment: str = _part(snapshot=True, bundles=True, wheels=True, words=reuse.variables)
    """JSON: variables and settings that reach build backends → digest; empty when nothing is built from source."""
    heavy_packages: str = _part(snapshot=False, bundles=False, wheels=False)
    """Which packages have layers of their own."""
    packages: str = _part(snapshot=False, bundles=False, wheels=False, words=reuse.third_party)
    """JSON: name → identity (`selection.identity`). Bundles and wheels have the identities of their own packages."""


def packages_text(identities: Mapping[str, str]) -> str:
    """Write the packages of a key."""
    return json.dumps(dict(sorted(identities.items())), separators=(",", ":"))


def compatible(old: Mapping[str, str], new: VenvKey) -> bool:
    """Return whether an environment with the key `old` can become one with `new`."""
    return all(old.get(name) == value for name, value in _deciding(new, _SNAPSHOT).items())


def for_bundles(key: VenvKey) -> dict[str, str]:
    """Return what also decides what is in the layers of heavy packages: name of a field → value."""
    return _deciding(key, _BUNDLES)


def for_wheels(key: VenvKey) -> dict[str, str]:
    """Return what also decides what is in wheels that are built from source: name of a field → value."""
    return _deciding(key, _WHEELS)


def _deciding(key: VenvKey, use: str) -> dict[str, str]:
    return {each.name: getattr(key, each.name) for each in fields(key) if each.metadata[use]}
