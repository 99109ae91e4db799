"""Taking an image of one layer into Docker, which reads no OCI layouts before version 25."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from cnb_platform import oci

if TYPE_CHECKING:
    from pathlib import Path


def answers() -> bool:
    """Whether there is a Docker engine that this user may talk to."""
    return _succeeds("docker", "version", "--format", "{{.Server.Version}}")


def load(layout: Path, tag: str) -> None:
    """Import the only layer of `layout` as `tag`, unless there is an image of that name."""
    if _succeeds("docker", "image", "inspect", tag):
        return
    image = oci.read(layout, "")
    changes = [f"USER {image.settings['User']}", *(f"ENV {pair}" for pair in image.settings["Env"])]
    argv = ["docker", "import", *(word for change in changes for word in ("--change", change)), "-", tag]
    with image.layers[0].path.open("rb") as archive:  # Docker unpacks gzip itself
        subprocess.run(argv, stdin=archive, stdout=subprocess.DEVNULL, check=True)


def _succeeds(*argv: str) -> bool:
    quiet = subprocess.DEVNULL
    try:
        return subprocess.run(argv, stdin=quiet, stdout=quiet, stderr=quiet, check=False).returncode == 0
    except OSError:
        return False
