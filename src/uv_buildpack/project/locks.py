"""The lock of a project, whatever its format."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uv_buildpack.project import pylock
from uv_buildpack.project.lockfile import Lock, read_lock

if TYPE_CHECKING:
    from uv_buildpack.project.files import Project


def read(project: Project) -> Lock:
    """Read the lock. Raises `LockfileInvalid` (naming the value), `LockfileTooNew`, `FileUnreadable`."""
    path, shown = project.lock_path, project.shown(project.lock_path)
    return pylock.read(path, shown) if project.pylock else read_lock(path, shown)
