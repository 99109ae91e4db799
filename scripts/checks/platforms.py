"""Which platforms integration tests can run on here, and why not on the others."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    """All platforms of the test suite, the one that is always there first."""
    docker = docker_reason()
    lifecycle = "" if environment.get("CNB_LIFECYCLE_DIR") else "CNB_LIFECYCLE_DIR names no directory of the phases"
    pack = docker if shutil.which("pack") else "there is no pack on PATH"
    return [
        Availability("embedded", ""),
        Availability("embedded, in Docker containers", docker),
        Availability("lifecycle", lifecycle),
        Availability("pack", pack),
    ]


def docker_reason() -> str:
    """Why there is no Docker here; empty where an engine answers."""
    if not shutil.which("docker"):
        return "there is no docker on PATH"
    argv = ["docker", "version", "--format", "{{.Server.Version}}"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else "no Docker engine answers"
