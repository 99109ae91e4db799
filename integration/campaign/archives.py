"""Layer archives: what is in them, whoever owns it, and how two differ."""

from __future__ import annotations

import hashlib
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_SHOWN = 20


def content_digest(blob: Path) -> str:
    """Return the digest of an archive without the owners of its entries."""
    return hashlib.sha256("\n".join(f"{name} {facts}" for name, facts in _entries(blob)).encode()).hexdigest()


def differences(one: Path, other: Path) -> list[str]:
    """Return a line for each entry of two archives that differs."""
    mine, theirs = dict(_entries(one)), dict(_entries(other))
    lines = []
    for name in sorted({*mine, *theirs}):
        if name not in theirs:
            lines.append(f"{name}: only in the build")
        elif name not in mine:
            lines.append(f"{name}: only in the clean build")
        elif mine[name] != theirs[name]:
            lines.append(f"{name}: {mine[name]} in the build, {theirs[name]} in the clean one")
    return [*lines[:_SHOWN], *([f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else [])]


def _entries(blob: Path) -> Iterator[tuple[str, str]]:
    with tarfile.open(blob) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest()[:12] if content else ""
            yield (
                member.name,
                f"{member.mode:o} {member.type.decode()} {member.size} {member.linkname} {digest}".strip(),
            )
