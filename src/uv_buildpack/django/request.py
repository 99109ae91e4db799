"""Static files that a build may have to collect, and all that their outcome depends on but files of the app."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv_buildpack import credentials, masking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.django.outcome import Outcome
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.venv.key import VenvKey
    from uv_buildpack.layers.venv_project import LocalKey

SCHEME = "2"
"""Raised when what is made of equal inputs changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFiles:
    """Static files that may have to be collected."""

    manage: Path
    required: bool
    """Whether it is an error if they cannot be (`BP_DJANGO_COLLECTSTATIC=true`)."""
    environment: Wanted[VenvKey]
    local: Wanted[LocalKey] | None
    variables: Mapping[str, str]
    """The user's variables, which settings may read."""
    present: Sequence[str]
    """The names of all files of the app, before this build writes any."""
    kept: Outcome | None = None
    """The outcome of an earlier build, which is this one's too."""
    kept_files: Path | None = None

    @property
    def key(self) -> dict[str, str]:
        """What the outcome depends on, apart from files of the app."""
        layers = [self.environment.metadata, self.local.metadata if self.local else {}]
        return {
            "scheme": SCHEME,
            "manage": str(self.manage),
            "required": str(self.required),
            "environment": _digest([layers, _without_secrets(self.variables)]),
        }


def _without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Return what static files depend on: no secret, of which a digest could be guessed."""
    return {name: value for name, value in variables.items() if not credentials.is_secret(name)}


def _digest(value: object) -> str:
    return hashlib.sha256(masking.json_text(value).encode()).hexdigest()
