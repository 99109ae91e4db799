"""`runtime.txt`, by which other buildpacks choose Python, decides nothing beside a `uv.lock`, and the log says so."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from uv_buildpack import log

if TYPE_CHECKING:
    from uv_buildpack.project.files import Project

_NAME = "runtime.txt"
_LONGEST = 200
"""Bytes that are read: the file has one line, `python-3.13.4`."""


def warn(project: Project, version: str, reason: str) -> None:
    """Warn of a `runtime.txt` in the app, and name what chose `version` instead (`reason`). Raises `OSError`."""
    for directory in dict.fromkeys((project.directory, project.root.directory, project.app_dir)):
        path = directory / _NAME
        if path.is_file():
            _warn(path.read_bytes()[:_LONGEST], project.shown(path), version, reason)
            return


def _warn(content: bytes, shown: str, version: str, reason: str) -> None:
    asked = re.match(rb"\s*python-(\d+(?:\.\d+){0,2})\s", content + b"\n")
    wanted = asked[1].decode() if asked else ""
    what = f"{shown} ({f'python-{wanted}' if wanted else 'not a version of Python'}) is not read"
    log.warning(
        f"{what}. Python {version} was chosen: {reason}.",
        f"Write {wanted or version} into .python-version to choose that version, and delete {shown}.",
    )
