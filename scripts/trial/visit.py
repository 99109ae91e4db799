"""The steps of a visit: package, lock, build, start, ask, build again."""

from __future__ import annotations

import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

from trial.pins import PINS, pin, scripts
from trial.platforms import Job, Serving, choose_platform
from trial.prerequisites import REPOSITORY, find_interpreters, package
from trial.progress import Progress, quietly

if TYPE_CHECKING:
    from pathlib import Path

    from trial.platforms import Platform

_CACHE = REPOSITORY / ".cache"
_EXAMPLES = REPOSITORY / "examples"
_PATIENCE = 60  # seconds until the application has to answer
_FIRST, _SECOND = "The first build", "The second build, with nothing changed"


class NoAnswer(Exception):
    """The application was started and did not answer."""


def visit(source: Path, scratch: Path) -> None:
    """Do all of it. Raises NoAnswer, CommandFailed, CalledProcessError."""
    progress = Progress()
    with progress.step("Packaging the buildpack"):
        interpreters = find_interpreters(os.environ, _CACHE, print, run=quietly).copied_to(scratch / "interpreters")
        buildpack = package(interpreters, scratch / "dist", run=quietly)
    app = scratch / source.name
    shutil.copytree(source, app, symlinks=True, ignore=shutil.ignore_patterns(".venv", "__pycache__"))
    if _has_no_lock(app):
        with progress.step(f"Locking a copy of {source.name}"):
            _lock(app, source)
    with choose_platform(Job(app, buildpack, interpreters, scratch)) as platform:
        _use(platform, progress)


def _has_no_lock(app: Path) -> bool:
    locks = [*app.glob("*.lock"), *app.glob("pylock*.toml")]
    return not locks and bool((app / "pyproject.toml").is_file() or scripts(app))


def _lock(app: Path, source: Path) -> None:
    if source.is_relative_to(_EXAMPLES):
        print(f"    with the versions of {PINS.relative_to(REPOSITORY)}")
        pin(app)
    if (app / "pyproject.toml").is_file():
        quietly("uv", "lock", cwd=app)
        return
    for script in scripts(app):
        quietly("uv", "lock", "--script", script.name, cwd=app)


def _use(platform: Platform, progress: Progress) -> None:
    with progress.step(f"Preparing {platform.name}"):
        platform.prepare()
    with progress.step(_FIRST):
        platform.build()
    with progress.step("Starting it and sending a request"), platform.serving() as serving:
        print(f"    GET {serving.address}\n    {_ask(serving)}", flush=True)
        if sys.stdin.isatty():
            input(f"    Open {serving.address} in a browser. Press Enter to go on. ")
    platform.show_layers()
    with progress.step(_SECOND):
        platform.build()
    first, second = progress.durations[_FIRST], progress.durations[_SECOND]
    print(f"\n{progress.table()}")
    print(f"\nThe first build took {first:.1f} s; the second, with nothing changed, {second:.1f} s.")


def _ask(serving: Serving) -> str:
    """Return status and body of the answer, whatever the status is. Raises NoAnswer."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(serving.address, timeout=_PATIENCE) as answer:  # noqa: S310 (loopback)
                return f"{answer.status} {answer.read(2000).decode(errors='replace')}"
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read(2000).decode(errors='replace')}"
        except OSError:
            time.sleep(0.1)
        if not serving.alive():
            message = f"the application ended instead of serving:\n{serving.log()}"
            raise NoAnswer(message)
    message = (
        f"the application runs, but nothing answered at {serving.address} within {_PATIENCE} s. A worker has nothing "
        f"to answer; a web server has to listen on 0.0.0.0 and on $PORT. It wrote:\n{serving.log()}"
    )
    raise NoAnswer(message)
