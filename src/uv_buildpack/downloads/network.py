"""How servers are reached: the user's variables with those of bindings, and what bindings have trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Proxies, certificates and credentials, as variables name them; the user's own beat those of bindings."""

    variables: Mapping[str, str] = field(default_factory=dict)
    authorities: tuple[Path, ...] = ()
    """Files with certificates (PEM) that are trusted besides the system's."""
    netrc: Path | None = None
    """Credentials by host."""
