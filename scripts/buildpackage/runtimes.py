"""The CPython archives that a package is made from: those given, or the newest of the catalogue."""

from __future__ import annotations

import platform
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elftools.elf.elffile import ELFFile

from buildpackage.bytecode import Compiler
from buildpackage.runtime import Installation, NotAnInterpreter, find_installation

if TYPE_CHECKING:
    from collections.abc import Sequence

_ARCHITECTURES = {"EM_X86_64": "amd64", "EM_AARCH64": "arm64"}
_HERE = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())


class NoRuntime(Exception):
    """There is no interpreter to carry, or none that could compile for it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """An unpacked CPython and the architecture (`amd64`, `arm64`) it runs on."""

    architecture: str
    installation: Installation


def unpack(archive: Path, scratch: Path) -> Runtime:
    """Unpack a CPython archive below `scratch`. Raises NoRuntime."""
    target = scratch / f"unpacked-{archive.name}"
    try:
        with tarfile.open(archive) as opened:
            opened.extractall(target)
        installation = find_installation(target)
    except (OSError, tarfile.TarError, NotAnInterpreter) as error:
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
    """The interpreter that compiles for `runtime`: itself or, for another machine, one of the same X.Y that runs here.

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


def collect(archives: Sequence[Path], scratch: Path) -> list[Runtime]:
    """Unpack the archives given; without one, the newest of the catalogue for each architecture. Raises NoRuntime."""
    return [unpack(archive, scratch) for archive in archives]
