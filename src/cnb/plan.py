"""The build plan, which detect writes, and the buildpack plan, which build reads.

Buildpack specification, "Build Plan (TOML)" and "Buildpack Plan (TOML)":
https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#build-plan-toml
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Require:
    """A dependency that some buildpack of the group must provide."""

    name: str
    """What is provided and required is matched by."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """For the provider, in its own words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOption:
    """One way to pass."""

    provides: tuple[str, ...] = ()
    """Names that other buildpacks, or this one, may require."""
    requires: tuple[Require, ...] = ()
    """What has to be provided, by a buildpack that does not come later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildPlan:
    """What a buildpack provides and requires."""

    provides: tuple[str, ...] = ()
    """As in `PlanOption`."""
    requires: tuple[Require, ...] = ()
    """As in `PlanOption`."""
    alternatives: tuple[PlanOption, ...] = ()
    """Other ways to pass (`or`), tried in this order."""

    def document(self) -> dict[str, Any]:
        """Return the content of the file at `CNB_BUILD_PLAN_PATH`."""
        document = _option(self.provides, self.requires)
        if self.alternatives:
            document["or"] = [_option(option.provides, option.requires) for option in self.alternatives]
        return document


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """One entry of the buildpack plan: a requirement that this buildpack is to meet. Names may repeat."""

    name: str
    """One of those that this buildpack provides."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What the buildpack that requires it says of it."""


def _option(provides: tuple[str, ...], requires: tuple[Require, ...]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if provides:
        document["provides"] = [{"name": name} for name in provides]
    if requires:
        document["requires"] = [_require(require) for require in requires]
    return document


def _require(require: Require) -> dict[str, Any]:
    if not require.metadata:
        return {"name": require.name}
    return {"name": require.name, "metadata": dict(require.metadata)}
