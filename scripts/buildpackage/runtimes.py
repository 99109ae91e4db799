"""The CPython archives that a package is made from: those given, or those of the catalogue."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile
from packaging.version import Version

from buildpackage.bytecode import Compiler
from buildpackage.runtime import Installation, NotAnInterpreter, find_installation
from uv_buildpack import log
from uv_buildpack.downloads import download
from uv_buildpack.downloads.archive import extract
from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import Problem
from uv_buildpack.interpreter import catalogue
from uv_buildpack.interpreter.installation import address

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from uv_buildpack.interpreter.catalogue import CPythonBuild

# The newest minor that integration/test_todays_pythons.py has run on: what the package carries is no experiment.
TESTED = (3, 15)
MACHINES = ("x86_64", "aarch64")
_LARGEST = 200_000_000  # bytes; the stripped archives have 20 to 40 million
_ARCHITECTURES = {"EM_X86_64": "amd64", "EM_AARCH64": "arm64"}
_HERE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())


class NoRuntime(Exception):
    """There is no interpreter to carry, or none that could compile for it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An unpacked CPython and the architecture (`amd64`, `arm64`) it runs on."""

    architecture: str
    installation: Installation


def collect(archives: Sequence[Path], downloads: Path, scratch: Path) -> list[Runtime]:
    """Unpack the archives given; without one, the newest of the catalogue. Raises NoRuntime."""
    return [_unpack(archive, scratch) for archive in archives or _fetch_newest(downloads)]


def _fetch_newest(downloads: Path) -> list[Path]:
    """Fetch what is carried for each architecture, once; `downloads` keeps the archives."""
    log.configure(sys.stdout)
    builds = catalogue.load(None, Network(variables=os.environ))
    return [fetch(carried(builds, machine), downloads) for machine in MACHINES]


def carried(builds: Iterable[CPythonBuild], machine: str) -> CPythonBuild:
    """Return the build that the package carries, by the rule of decision 0008: what most apps get by default.

    That is the newest release for glibc of the newest minor with a first bug-fix release, if it has been tested.
    """
    known = [build for build in builds if (build.arch, build.libc, build.variant) == (machine, "gnu", "default")]
    by_age = sorted(known, key=lambda build: (Version(build.version), build.date))
    fitting = [build for build in by_age if _is_carried(Version(build.version))]
    return fitting[-1]


def _is_carried(version: Version) -> bool:
    return not version.is_prerelease and version.micro > 0 and version.release[:2] <= TESTED


def fetch(build: CPythonBuild, downloads: Path) -> Path:
    """Fetch an archive, unless `downloads` has it. Raises NoRuntime."""
    archive = downloads / Path(build.path).name
    if archive.is_file():
        return archive
    downloads.mkdir(parents=True, exist_ok=True)
    url = address(build)
    log.step(f"Fetching {url}")
    try:
        download.fetch(url, archive, sha256=build.sha256, max_bytes=_LARGEST, network=Network(variables=os.environ))
    except Problem as problem:
        message = f"{problem.what}\nWithout that address, give --runtime ARCHIVE; scripts/python-archive makes one."
        raise NoRuntime(message) from problem
    return archive


def _unpack(archive: Path, scratch: Path) -> Runtime:
    """Unpack a CPython archive below `scratch`. Raises NoRuntime."""
    target = scratch / f"unpacked-{archive.name}"
    target.mkdir()
    try:
        extract(archive, target)
        installation = find_installation(target)
    except (OSError, Problem, NotAnInterpreter) as error:
        message = f"{archive} is not a CPython archive: {error}"
        raise NoRuntime(message) from error
    return Runtime(_architecture(installation), installation)


def _architecture(installation: Installation) -> str:
    with installation.interpreter.open("rb") as opened:
        machine = str(ELFFile(opened)["e_machine"])
    if machine not in _ARCHITECTURES:
        message = f"{installation.interpreter.name} is made for {machine}; the buildpack's targets are amd64 and arm64"
        raise NoRuntime(message)
    return _ARCHITECTURES[machine]


def compiler_for(runtime: Runtime, others: Sequence[Runtime]) -> Compiler:
    """Return the interpreter that compiles for `runtime`: itself or, for another machine, one of the same X.Y.

    Bytecode depends on X.Y alone, so the package for arm64 can be made on amd64. Raises NoRuntime.
    """
    minor = runtime.installation.minor
    for candidate in (runtime, *others):
        if candidate.architecture == _HERE and candidate.installation.minor == minor:
            return Compiler(candidate.installation.interpreter)
    if minor == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return Compiler(Path(sys.executable))
    message = f"compiling for {runtime.architecture} needs a Python {minor} that runs here: give its archive as well"
    raise NoRuntime(message)
