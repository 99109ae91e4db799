"""What a visitor can do about a failure of the machine: no network, no disk, no Docker."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_NEEDED = 1_500_000_000  # bytes: package, base images, two images and a cache
_DISK = "The disk is full. Free some space; with Docker, `docker system df` shows what it uses."
_NETWORK = (
    "A package index or registry cannot be reached. Check the network; behind a proxy set HTTPS_PROXY, with a mirror "
    "UV_DEFAULT_INDEX, with certificates of your own SSL_CERT_FILE."
)
_DOCKER = "The Docker engine stopped answering. Start it, or take docker off PATH to try without Docker."
_CAUSES = (
    (re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE), _DISK),
    (re.compile(r"cannot connect to the docker daemon|permission denied.*docker", re.IGNORECASE), _DOCKER),
    (
        re.compile(
            r"dns error|failed to lookup|name resolution|network is unreachable|connection refused|timed out"
            r"|error sending request|could not connect|tunnel error|invalid peer certificate",
            re.IGNORECASE,
        ),
        _NETWORK,
    ),
)


class NotEnoughDisk(Exception):
    """There is too little disk to begin with."""


def likely_cause(output: str) -> str:
    """Return what to do about a failure that a command described in its output; empty where that is unknown."""
    return next((advice for pattern, advice in _CAUSES if pattern.search(output)), "")


def check_disk(directory: Path) -> None:
    """Raise NotEnoughDisk where an image would not fit."""
    free = shutil.disk_usage(directory).free
    if free < _NEEDED:
        message = (
            f"{directory} has {free / 1e9:.1f} GB of free disk, and {_NEEDED / 1e9:.1f} GB are needed. "
            "Free some, or name another directory with TMPDIR."
        )
        raise NotEnoughDisk(message)
