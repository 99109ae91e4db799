"""Where the layouts of base images are, and what the images are called in Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment import CACHE

if TYPE_CHECKING:
    from pathlib import Path


def directory(suite: str = "") -> Path:
    """Return where the OCI image layouts are, by kind; `suite` is a release other than this machine's own."""
    return CACHE / f"base-images{_suffix(suite)}"


def tag(kind: str, suite: str = "") -> str:
    """Return the name of an image in Docker."""
    return f"uv-buildpack-{kind}{_suffix(suite)}:1"


def _suffix(suite: str) -> str:
    return f"-{suite}" if suite else ""
