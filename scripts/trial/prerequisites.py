"""What a build needs before it can start: a source of CPython builds, and the packaged buildpack."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from environment import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPOSITORY = Path(__file__).resolve().parents[2]
_RELEASES = "https://github.com/astral-sh/python-build-standalone/releases"
_PATIENCE = 10  # seconds
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class Interpreters:
    """Where builds get CPython from: the real address where `directory` is None, else a mirror made on this machine."""

    directory: Path | None = None

    def variables(self, directory: str) -> dict[str, str]:
        """Return what tells a build of the mirror, which it sees at `directory`."""
        if self.directory is None:
            return {}
        return {"BP_PYTHON_MIRROR": f"file://{directory}", "BP_PYTHON_CATALOGUE": f"{directory}/catalogue.json"}

    def copied_to(self, directory: Path) -> Interpreters:
        """Return the same from another place: a checkout below a home directory is closed to the user who builds."""
        if self.directory is None:
            return self
        shutil.copytree(self.directory, directory)
        return Interpreters(directory)

    def runtime(self) -> list[str]:
        """Return the option of `scripts/package` that takes an interpreter from the mirror."""
        if self.directory is None:
            return []
        builds = json.loads((self.directory / "catalogue.json").read_text(encoding="utf-8"))["builds"]
        newest = max(builds, key=lambda build: [int(part) for part in build["version"].split(".")])
        return ["--runtime", str(self.directory / newest["path"])]


def run(*argv: str | Path, cwd: Path = REPOSITORY) -> None:
    """Run a command whose output is for the person who watches. Raises CalledProcessError."""
    words = [str(word) for word in argv]
    subprocess.run(words, cwd=cwd, stdin=subprocess.DEVNULL, check=True)


def find_interpreters(
    environment: Mapping[str, str], cache: Path, say: Callable[[str], object], *, run: Callable[..., None] = run
) -> Interpreters:
    """Return the real address, or one set by the user, if it answers; else an archive of the Python that runs this.

    `run` runs a command, here and in the next functions; what it raises passes through.
    """
    if releases_answer(environment):
        return Interpreters()
    directory = cache / "interpreters"
    say(f"    {_RELEASES} cannot be reached from here.")
    say(f"    So builds get an archive of {sys.executable}, made by scripts/python-archive.")
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    with alone(directory):
        make_archive([base], directory, run=run)
    return Interpreters(directory)


def releases_answer(environment: Mapping[str, str]) -> bool:
    """Return whether builds can get CPython from the real address, or from one that the user has set."""
    return "BP_PYTHON_MIRROR" in environment or _answers(_RELEASES)


def make_archive(pythons: list[Path], directory: Path, *, run: Callable[..., None] = run) -> None:
    """Make archives of interpreters, and their catalogue, in `directory`."""
    options = [word for python in pythons for word in ("--python", str(python))]
    run(REPOSITORY / "scripts/python-archive", *options, "--output", directory)


def _answers(address: str) -> bool:
    request = urllib.request.Request(address, method="HEAD")  # noqa: S310 (a constant, https)
    try:
        urllib.request.urlopen(request, timeout=_PATIENCE).close()  # noqa: S310
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def package(interpreters: Interpreters, output: Path, *, run: Callable[..., None] = run) -> Path:
    """Make the packaged buildpack and return its directory for this machine."""
    run(REPOSITORY / "scripts/package", *interpreters.runtime(), "--output", output)
    return output / "uv-buildpack" / "linux" / _ARCHITECTURES[platform.machine()]
