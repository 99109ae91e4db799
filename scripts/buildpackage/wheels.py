"""Wheels, fetched by name with pip from whatever index it is set up for, each checked against a pinned hash."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_PINNED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


class WheelNotFetched(Exception):
    """pip could not get a wheel; its own words are the message."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One pinned distribution and the hashes that its files may have (`sha256:…`)."""

    name: str
    version: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join([f"{self.name}=={self.version}", *(f"--hash={digest}" for digest in self.hashes)])


@dataclass(frozen=True, slots=True)
class Tags:
    """Which wheels will do, in pip's words."""

    python: str
    implementation: str
    abi: str
    platforms: tuple[str, ...]

    def options(self) -> list[str]:
        """Return the options of `pip download`."""
        chosen = [f"--python-version={self.python}", f"--implementation={self.implementation}", f"--abi={self.abi}"]
        return [*chosen, *(f"--platform={platform}" for platform in self.platforms)]


def pure(python: str) -> Tags:
    """Wheels without extension modules, which can be imported from a zip archive."""
    return Tags(python, "py", "none", ("any",))


def native(python: str, machine: str) -> Tags:
    """Wheels with extension modules for glibc Linux; `machine` as `uname -m` says it."""
    platforms = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
    return Tags(python, "cp", f"cp{python.replace('.', '')}", tuple(f"{name}_{machine}" for name in platforms))


def read_requirements(path: Path) -> list[Requirement]:
    """Read what `uv pip compile --generate-hashes` wrote, markers dropped."""
    logical_lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    pinned = [(_PINNED.match(line), tuple(_HASH.findall(line))) for line in logical_lines]
    return [Requirement(match["name"], match["version"], hashes) for match, hashes in pinned if match]


def download(requirements: Iterable[Requirement], tags: Tags, into: Path) -> list[Path]:
    """Fetch one wheel for each requirement and nothing else. Raises WheelNotFetched."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listing:
        listing.write("".join(f"{requirement}\n" for requirement in requirements))
        listing.flush()
        _pip("--dest", str(into), "--requirement", listing.name, *tags.options())
    return sorted(into.glob("*.whl"))


def _pip(*arguments: str) -> None:
    argv: Sequence[str] = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    options = ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    done = subprocess.run([*argv, *options, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise WheelNotFetched(done.stderr.strip())


def unpack(wheels: Iterable[Path], into: Path) -> None:
    """Unpack wheels over one another, as an installer would for pure ones."""
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(into)
