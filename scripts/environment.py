"""The development environment: requirements/dev.txt in a virtual environment below `.cache/`.

Made from nothing but a Python of at least 3.11 and a package index. Standard library only, since it runs before
anything is installed. A script calls `enter()` first; run by itself, this file prints the environment's interpreter.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
CACHE = REPOSITORY / ".cache"
DIRECTORY = CACHE / "environment"
PYTHON = DIRECTORY / "bin" / "python"
REQUIREMENTS = REPOSITORY / "requirements" / "dev.txt"
_STAMP = DIRECTORY / "requirements.sha256"
_OLDEST = (3, 11)


def enter() -> None:
    """Go on in the development environment, with `src` importable; where this is another Python, start over in it.

    The environment is made first where it is missing or outdated.
    """
    if Path(sys.prefix).resolve() == DIRECTORY.resolve():
        sys.path.insert(0, str(REPOSITORY / "src"))
        return
    prepare()
    environment = {**os.environ, "VIRTUAL_ENV": str(DIRECTORY), "PATH": f"{PYTHON.parent}:{os.environ.get('PATH', '')}"}
    environment.pop("PYTHONHOME", None)
    sys.stdout.flush()
    os.execve(PYTHON, [str(PYTHON), *sys.argv], environment)  # noqa: S606 (this very script again)


def prepare() -> None:
    """Make the environment, unless one with the same requirements is there."""
    if sys.version_info < _OLDEST:
        sys.exit(f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current():
            print(f"making the development environment in {DIRECTORY}", file=sys.stderr)
            _make()
            _STAMP.write_text(_digest())


def _is_current() -> bool:
    """Whether the environment has these requirements, and an interpreter that is still there."""
    return PYTHON.exists() and _STAMP.is_file() and _STAMP.read_text() == _digest()


def _digest() -> str:
    return hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()


def _make() -> None:
    """Whatever installer this machine has does: ensurepip, else pip, else uv, else Debian's python3-venv."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    # The list is complete. Without --no-deps pip resolves a requirement with an extra to the newest in the index.
    wanted = ["--no-deps", "--require-hashes", "--requirement", str(REQUIREMENTS)]
    if not any([_has("ensurepip"), _has("pip"), shutil.which("uv")]):
        _install_ensurepip()
    if _has("ensurepip"):
        _run(sys.executable, "-m", "venv", str(DIRECTORY))
        _run(str(PYTHON), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *wanted)
        return
    _run(sys.executable, "-m", "venv", "--without-pip", str(DIRECTORY))
    if _has("pip"):
        _run(sys.executable, "-m", "pip", "--quiet", "--python", str(PYTHON), "install", *wanted)
    else:
        _run("uv", "--quiet", "pip", "install", "--python", str(PYTHON), *wanted)


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
        sys.exit(f"the development environment could not be made: {error}")


if __name__ == "__main__":
    prepare()
    print(PYTHON)
