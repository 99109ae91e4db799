"""Which platforms integration tests can run on here, and why not on the others."""

from __future__ import annotations

import platform
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from environment import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        Availability("pack", pack_reason()),
        Availability("packages with C code", compiler),
    ]


def containers_reason() -> str:
    """Return why phases cannot run in containers here: no Docker, or no base images for them; empty where they can."""
    made = all((REPOSITORY / ".cache/base-images" / name / "index.json").is_file() for name in ("build", "run"))
    if made or shutil.which("mmdebstrap"):
        return docker_reason()
    return docker_reason() or "there is no mmdebstrap to make base images with (scripts/base-images)"


def pack_reason() -> str:
    """Return why pack cannot be used here; empty where it can."""
    return docker_reason() if shutil.which("pack") else "there is no pack on PATH"


def todays_reason() -> str:
    """Return why there can be no container of Debian's unstable suite here; empty where there can."""
    if not _is_debian():
        return "this machine is not a Debian, whose mirror has that suite"
    return docker_reason() or ("" if shutil.which("mmdebstrap") else "there is no mmdebstrap to make them with")


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian"
    except OSError:
        return False


def docker_reason() -> str:
    """Return why there is no Docker here; empty where an engine answers."""
    if not shutil.which("docker"):
        return "there is no docker on PATH"
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "no Docker engine answers"
