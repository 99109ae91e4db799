"""What build backends need: pip resolves and fetches it, for the machine and the Python that will build."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from uv_buildpack import log
from vendoring.files import address_with_login

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.interpreter.catalogue import CPythonBuild
    from uv_buildpack.uv.indexes import Index

_MANYLINUX = ("manylinux2014", *(f"manylinux_2_{minor}" for minor in (17, 24, 26, 27, 28, 31, 34, 35)))
"""Of glibc: as new as images are that have this Python; a newer one than that of the image is not offered elsewhere."""
_MUSLLINUX = ("musllinux_1_1", "musllinux_1_2")


class Unavailable(Exception):
    """pip found no files for the build requirements; it has said why."""


def fetch(
    requirements: Iterable[str],
    to: Path,
    python: CPythonBuild,
    environment: Mapping[str, str],
) -> None:
    """Fetch build requirements and what they need: wheels for the target; the sources of those that have none.

    Raises `Unavailable`.
    """
    needed = sorted(requirements)
    if not needed:
        return
    wheels = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", _minor(python)]
    for platform in _MUSLLINUX if python.libc == "musl" else _MANYLINUX:
        wheels += ["--platform", f"{platform}_{python.arch}"]
    if _pip(to, wheels, needed, environment) and _pip(to, ["--no-binary", ":none:"], needed, environment):
        message = f"pip found no files for the build requirements {', '.join(needed)}"
        raise Unavailable(message)


def _pip(to: Path, options: Sequence[str], needed: Sequence[str], environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(to), *options, *needed]
    done = subprocess.run(command, check=False, env=dict(environment), capture_output=True, text=True)
    if done.returncode:
        log.detail(log.masked(done.stderr.strip()))
    return done.returncode


def _minor(python: CPythonBuild) -> str:
    return ".".join(python.version.split(".")[:2])


def environment(default: Index | None, known: Sequence[Index], variables: Mapping[str, str]) -> dict[str, str]:
    """Return pip's environment, with the indexes of the project: everybody can read its command line."""
    others = [index for index in known if default is None or index.url != default.url]
    addresses = [address_with_login(index.url, index, variables) for index in others]
    found = {"PIP_EXTRA_INDEX_URL": " ".join(addresses), "PIP_CERT": variables.get("SSL_CERT_FILE", "")}
    if default is not None:
        found["PIP_INDEX_URL"] = address_with_login(default.url, default, variables)
    return {**variables, **{name: value for name, value in found.items() if value}}
