"""Which platforms integration tests can run on here, and why not on the others."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from base_image import layouts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Availability:
    """One platform; `reason` is why it is not there, empty where it is."""

    platform: str
    reason: str

    def __str__(self) -> str:
        return f"{self.platform}: {f'not run, {self.reason}' if self.reason else 'ran'}"


def availabilities(environment: Mapping[str, str]) -> list[Availability]:
    """Return all platforms of the test suite, the one that is always there first, and what else some cases need."""
    lifecycle = "" if environment.get("CNB_LIFECYCLE_DIR") else "CNB_LIFECYCLE_DIR names no directory of the phases"
    compiler = "" if shutil.which("cc") else "there is no cc on PATH"
    return [
        Availability("embedded", ""),
        Availability("embedded, in Docker containers", containers_reason()),
        Availability("today's CPythons, in containers of Debian's unstable suite", todays_reason()),
        Availability("lifecycle", lifecycle),
        Availability("pack", pack_reason() or base_images_reason()),
        Availability("packages with C code", compiler),
    ]


def containers_reason() -> str:
    """Return why phases cannot run in containers here: no Docker, or no base images for them; empty where they can."""
    return docker_reason() or base_images_reason()


def base_images_reason() -> str:
    """Return why there are no base images here (scripts/base-images); empty where there are, or they can be made."""
    return _bootstrap_reason(layouts.directory(), ("build", "run"))


def pack_reason() -> str:
    """Return why pack cannot be used here, with a builder from somewhere; empty where it can."""
    return docker_reason() if shutil.which("pack") else "there is no pack on PATH"


def todays_reason() -> str:
    """Return why there can be no container of Debian's unstable suite here; empty where there can."""
    if not _is_debian():
        return "this machine is not a Debian, whose mirror has that suite"
    return docker_reason() or _bootstrap_reason(layouts.directory("sid"), ("run", "machine"))


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False


def _bootstrap_reason(directory: Path, images: tuple[str, ...]) -> str:
    """Return why images cannot be made here; empty where they are in `directory`, or can be made.

    As an ordinary user mmdebstrap works in a user namespace, and says itself what that needs.
    """
    if all((directory / name / "index.json").is_file() for name in images):
        return ""
    if not shutil.which("mmdebstrap"):
        return "there is no mmdebstrap to make base images with"
    if os.geteuid() == 0:
        return ""
    asked = ["mmdebstrap", "--unshare-helper", "true"]
    done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    said = done.stderr.strip().rpartition("\n")[2].removeprefix("E: ")
    needed = "mmdebstrap needs user namespaces to make base images as an ordinary user (package uidmap)"
    return f"{needed}: {said}" if done.returncode else ""


def docker_reason() -> str:
    """Return why there is no Docker here; empty where an engine answers."""
    if not shutil.which("docker"):
        return "there is no docker on PATH"
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "no Docker engine answers"
