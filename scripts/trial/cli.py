"""The command line of `scripts/try`."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from trial.pins import PINS, pin
from trial.platforms import Job, best_platform
from trial.prerequisites import REPOSITORY, find_interpreters, package, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from trial.platforms import Platform

_DESCRIPTION = """\
Build an example with the packaged buildpack, start it, ask it over HTTP, and build it a second time.

Uses the best platform there is: pack with Docker, else the embedded platform with Docker, else the embedded platform
alone. Takes nothing but Python 3.11 or newer and a network to a package index; cleans up after itself.
"""
_CACHE = REPOSITORY / ".cache"
_PATIENCE = 60  # seconds until the application has to answer


class NoAnswer(Exception):
    """The application was started and did not answer."""


def main() -> int:
    """Try it; give the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("example", nargs="?", type=Path, default=REPOSITORY / "examples" / "fastapi", metavar="EXAMPLE")
    example: Path = parser.parse_args().example.resolve()
    if not (example / "pyproject.toml").is_file():
        parser.error(f"{example} has no pyproject.toml")
    try:
        with tempfile.TemporaryDirectory(prefix="uv-buildpack-try-", ignore_cleanup_errors=True) as scratch:
            Path(scratch).chmod(0o755)  # started by root, builds run as another user, who has to read it
            _try(example, Path(scratch))
    except subprocess.CalledProcessError as error:
        command = " ".join(error.cmd[:4])
        print(f"\ntry: `{command} …` ended with exit code {error.returncode}; the cause is above", file=sys.stderr)
        return 1
    except NoAnswer as error:
        print(f"\ntry: {error}", file=sys.stderr)
        return 1
    return 0


def _try(example: Path, scratch: Path) -> None:
    interpreters = find_interpreters(os.environ, _CACHE, print).copied_to(scratch / "interpreters")
    _heading("Packaging the buildpack")
    buildpack = package(interpreters, REPOSITORY / "dist")
    _heading(f"Locking {example.name} with uv lock, to the versions of {PINS.relative_to(REPOSITORY)}")
    app = scratch / example.name
    shutil.copytree(example, app, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    pin(app)
    run("uv", "lock", "--quiet", cwd=app)
    platform = best_platform(Job(app, buildpack, interpreters, scratch))
    platform.prepare()
    try:
        _use(platform)
    finally:
        platform.clean()


def _use(platform: Platform) -> None:
    _heading(f"Building it on {platform.name}")
    first = _timed(platform.build)
    _heading("Starting it and asking it")
    with platform.serving() as address:
        print(f"GET {address}\n{_ask(address)}", flush=True)
    _heading("Its layers")
    platform.show_layers()
    _heading("Building it a second time, with nothing changed")
    second = _timed(platform.build)
    print(f"\nThe first build took {first:.1f} s, the second {second:.1f} s.")


def _heading(text: str) -> None:
    print(f"\n=== {text}", flush=True)


def _timed(action: Callable[[], object]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def _ask(address: str) -> str:
    """Status and body of the answer, whatever the status is. Raises NoAnswer."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310 (http to loopback)
                return f"{answer.status} {answer.read().decode(errors='replace')}"
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode(errors='replace')}"
        except OSError:
            time.sleep(0.1)
    message = f"no answer from {address} within {_PATIENCE} s"
    raise NoAnswer(message)
