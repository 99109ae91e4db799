"""An archive of python-build-standalone: what its name says, and what is in it."""

from __future__ import annotations

import hashlib
import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv_buildpack.interpreter.catalogue import CPythonBuild

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(
    r"cpython-(?P<version>\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)\+(?P<date>\d{8})-(?P<arch>x86_64|aarch64)"
    r"-unknown-linux-(?P<libc>gnu|musl)(?P<freethreaded>-freethreaded)?-install_only(?:_stripped)?\.tar\.(?:gz|zst)"
)


class NotARelease(Exception):
    """The file is no archive with a name as in python-build-standalone's releases."""


@dataclass(frozen=True, slots=True)
class Release:
    """An archive: its file, its entry in a catalogue, the names in it with where links lead (empty for others)."""

    archive: Path
    build: CPythonBuild
    names: dict[str, str]

    @property
    def name(self) -> str:
        """The name of interpreter, library and headers: `python3.15`, `python3.15t`."""
        minor = ".".join(self.build.version.split(".")[:2])
        return f"python{minor}{'t' if self.build.freethreaded else ''}"


def read(archive: Path) -> Release:
    """Read the names of an archive. Raises NotARelease."""
    match = _NAME.fullmatch(archive.name.replace("%2B", "+"))
    if match is None:
        message = f"{archive.name} is not the name of a release, such as cpython-3.15.2+20261110-…-install_only.tar.gz"
        raise NotARelease(message)
    try:
        with tarfile.open(archive) as tar:
            names = {member.name: member.linkname if member.issym() else "" for member in tar}
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    except (OSError, tarfile.TarError) as error:
        message = f"{archive} cannot be read: {error}"
        raise NotARelease(message) from error
    build = CPythonBuild(
        version=match["version"],
        date=match["date"],
        arch=match["arch"],
        libc=match["libc"],
        variant="freethreaded" if match["freethreaded"] else "default",
        path=archive.name,
        sha256=digest,
    )
    return Release(archive, build, names)
