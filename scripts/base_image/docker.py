"""Taking a base image into Docker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from checks.platforms import docker_reason
from cnb_platform import docker, oci
from cnb_platform.command import ask

if TYPE_CHECKING:
    from pathlib import Path


def answers() -> bool:
    """Return whether there is a Docker engine that this user may talk to."""
    return not docker_reason()


def load(layout: Path, tag: str) -> None:
    """Load the image of `layout` as `tag`, unless there is an image of that name. Raises ExportFailed."""
    if ask(["docker", "image", "inspect", tag]).code:
        docker.load(oci.read(layout, ""), tag)
