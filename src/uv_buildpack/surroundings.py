"""What around the app a build depends on: the machine, its C library, and variables that reach build backends."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, Any

from uv_buildpack import credentials, masking
from uv_buildpack.errors import LayersDirectoryNotWritable, TargetUnsupported
from uv_buildpack.project import build_settings
from uv_buildpack.uv.running import BUILD_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cnb.context import BuildContext, Target
    from uv_buildpack.project.files import Project

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""The architectures that there are builds of CPython for: as the specification names them → as those builds do."""


def check(context: BuildContext) -> None:
    """Check that layers can be made for this machine. Raises `TargetUnsupported`, `LayersDirectoryNotWritable`."""
    if context.target.os != "linux" or context.target.arch not in MACHINES:
        raise TargetUnsupported(context.target.os, context.target.arch)
    if not os.access(context.layers_dir, os.W_OK | os.X_OK):
        reason = "Permission denied" if context.layers_dir.is_dir() else "No such directory"
        raise LayersDirectoryNotWritable(str(context.layers_dir), reason)


def target_text(target: Target, libc: str) -> str:
    """Return the target as keys have it, with the C library: wheels and interpreters depend on it."""
    parts = (target.os, target.arch, target.arch_variant, libc, target.distro_name, target.distro_version)
    return " ".join(part for part in parts if part)


def libc() -> str:
    """Return the C library of the build image, which is that of the run image: `gnu` or `musl`.

    It is the one that this process has. Its loader alone tells nothing: Debian's package `musl` brings that one, too.
    """
    try:
        return "gnu" if os.confstr("CS_GNU_LIBC_VERSION") else "musl"
    except (OSError, ValueError):  # no such name
        return "musl"


def build_environment(environment: Mapping[str, str], project: Project, user_file: Path | None = None) -> str:
    """Return variables and settings that reach builds, as JSON: name → digest; empty without any. Raises `OSError`."""
    passing: dict[str, Any] = {
        name: value
        for name, value in environment.items()
        # Not of secrets: they decide who may build, not what is built, and a digest of a short one can be guessed.
        if BUILD_VARIABLES.fullmatch(name) and not credentials.is_secret(name)
    }
    passing |= build_settings.of_project(project, user_file)
    digests = {name: _short_digest(value) for name, value in passing.items()}
    return json.dumps(digests, sort_keys=True, separators=(",", ":")) if digests else ""


def _short_digest(value: object) -> str:
    return hashlib.sha256(masking.json_text(value).encode()).hexdigest()[:16]
