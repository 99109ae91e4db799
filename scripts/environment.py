"""Virtual environments below `.cache/` with exactly what a list in `requirements/` pins.

Made from nothing but a Python of at least 3.11 and a package index. Standard library only, since it runs before
anything is installed. A script calls `enter()` first; run by itself, this file prints the interpreter of the
development environment.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache"
REQUIREMENTS = REPOSITORY / "requirements"
_OLDEST = (3, 11)


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the list that says what is in it."""

    directory: Path
    requirements: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.directory / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The file with the digest of the list that it was made from."""
        return self.directory / "requirements.sha256"

    def digest(self) -> str:
        """Return the digest of the list."""
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()

    def is_current(self) -> bool:
        """Return whether it has what the list says, and an interpreter that is still there."""
        return self.python.exists() and self.stamp.is_file() and self.stamp.read_text() == self.digest()


DEVELOPMENT = Environment(CACHE / "environment", REQUIREMENTS / "dev.txt")
DOCUMENTATION = Environment(CACHE / "documentation", REQUIREMENTS / "docs.txt")
PLOTTING = Environment(CACHE / "benchmarks" / "plotting", REQUIREMENTS / "benchmarks.txt")
PYTHON = DEVELOPMENT.python


def enter(environment: Environment = DEVELOPMENT) -> None:
    """Go on in an environment, with `src` importable; where this is another Python, start over in it.

    The environment is made first where it is missing or outdated.
    """
    if Path(sys.prefix).resolve() == environment.directory.resolve():
        sys.path.insert(0, str(REPOSITORY / "src"))
        return
    prepare(environment)
    path = f"{environment.python.parent}:{os.environ.get('PATH', '')}"
    variables = {**os.environ, "VIRTUAL_ENV": str(environment.directory), "PATH": path}
    variables.pop("PYTHONHOME", None)
    sys.stdout.flush()
    os.execve(environment.python, [str(environment.python), *sys.argv], variables)  # noqa: S606 (this very script again)


def prepare(environment: Environment = DEVELOPMENT) -> None:
    """Make an environment, unless one with the same requirements is there."""
    if sys.version_info < _OLDEST:
        sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}")
    with alone(environment.directory):
        if not environment.is_current():
            print(
                f"making the environment of {environment.requirements.name} in {environment.directory}", file=sys.stderr
            )
            _make(environment)
            environment.stamp.write_text(environment.digest())


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Let nobody else make a directory meanwhile; who waits finds it made."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(f"{directory.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install_command(installer: list[str], requirements: Path) -> list[str]:
    """Return the command that installs a list from `requirements/`, with `pip` or `uv pip`.

    The lists are complete (`uv pip compile` wrote them), so nothing is resolved. A resolver would take another release
    than the pinned one for a requirement with an extra: the line `coverage==7.17.4` does not bind pip's choice for
    `coverage[toml]>=7.10`, and for what it takes instead no hash is listed.
    """
    return [*installer, "install", "--no-deps", "--require-hashes", "--requirement", str(requirements)]


def _make(environment: Environment) -> None:
    """Whatever installer this machine has does: ensurepip, else pip, else uv, else Debian's python3-venv."""
    shutil.rmtree(environment.directory, ignore_errors=True)
    if not any([_has("ensurepip"), _has("pip"), shutil.which("uv")]):
        _install_ensurepip()
    without_pip = [] if _has("ensurepip") else ["--without-pip"]
    _run(sys.executable, "-m", "venv", *without_pip, str(environment.directory))
    _run(*install_command(_installer(environment.python), environment.requirements))


def _installer(python: Path) -> list[str]:
    """Return the program that installs into the environment of `python`."""
    quiet = ["-m", "pip", "--quiet", "--disable-pip-version-check"]
    if _has("ensurepip"):
        return [str(python), *quiet]
    if _has("pip"):
        return [sys.executable, *quiet, "--python", str(python)]
    return ["env", f"VIRTUAL_ENV={python.parents[1]}", "uv", "--quiet", "pip"]


def _has(module: str) -> bool:
    importlib.invalidate_caches()
    return importlib.util.find_spec(module) is not None


def _install_ensurepip() -> None:
    """Debian and Ubuntu keep ensurepip in a package of its own."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(
            f"{sys.executable} has neither ensurepip nor pip, and there is no uv on PATH.\n"
            "Install one of them (on Debian and Ubuntu, as root: apt-get install python3-venv) and run this again."
        )
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run("apt-get", "update", "-qq", environment=quiet)
    _run("apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv", environment=quiet)


def _run(*argv: str, environment: dict[str, str] | None = None) -> None:
    """Run a tool, whose standard output goes to ours for errors: callers may print something to be read."""
    try:
        subprocess.run(argv, check=True, env=environment, stdout=sys.stderr, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"the environment could not be made: {error}\nIt needs a package index: is there a network?")


if __name__ == "__main__":
    prepare()
    print(PYTHON)
