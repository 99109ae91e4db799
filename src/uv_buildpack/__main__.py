"""Entry point: `detect` or `build`, with the arguments and the environment that the lifecycle gives."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

EXIT_READER = 1
EXIT_BUG = 2


def main() -> int:
    """Run the phase that the first argument names and return the exit code."""
    # Modes of files are in the layers' digests, and the lifecycle's umask is not always 022.
    os.umask(0o022)
    _prepare_streams()
    phase, *arguments = sys.argv[1:]
    environment = dict(os.environ)
    status = _detect(arguments, environment) if phase == "detect" else _build(arguments, environment)
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            # The disk is full, or the reader has gone. Python would flush again and end with a status of its own (120).
            setattr(sys, name, _nowhere())
    return status


def _prepare_streams() -> None:
    """Have streams that take any text: whoever closed one gets a build, and what there is to say on the other."""
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = sys.stdout
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w", encoding="utf-8")  # open until the program ends


@contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no garbage while modules are imported, and never in them: a tenth of the start of a hot build."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _detect(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    with _no_collection():
        from cnb.run import run_detect  # noqa: PLC0415 (detect runs for every app on every builder: it imports little)
        from uv_buildpack.detect import detect  # noqa: PLC0415

    return run_detect(detect, arguments, environment, Path.cwd(), say=lambda line: sys.stdout.write(f"{line}\n"))


def _build(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    with _no_collection():
        defer_imports()
        from contextlib import suppress  # noqa: PLC0415

        from cnb.run import run_build  # noqa: PLC0415
        from uv_buildpack import configuration, credentials, disk, log  # noqa: PLC0415
        from uv_buildpack.build import build  # noqa: PLC0415
        from uv_buildpack.errors import OutputRefused, Problem, Problems  # noqa: PLC0415

    form, level = configuration.of_log(environment)
    log.configure(sys.stdout, form=form, level=level)
    log.keep_secret(credentials.of_variables(environment))
    try:
        with disk.refusals_are_said():
            return run_build(build, arguments, environment, Path.cwd())
    except Problems as several:
        problems = several.problems
    except Problem as one:
        problems = (one,)
    except Exception:  # noqa: BLE001 (whatever it is, it is our bug, and has a status of its own)
        import traceback  # noqa: PLC0415

        with suppress(OSError):
            sys.stderr.write(log.masked(traceback.format_exc()))
        return EXIT_BUG
    log.configure(sys.stderr, form=form, level=level)
    page = _page_of_errors(environment["CNB_BUILDPACK_DIR"])
    with suppress(OutputRefused):  # there is no other place to say it
        for problem in problems:
            log.error(problem.what, problem.facts, problem.advice, f"{page}#{problem.anchor}")
    return EXIT_READER


def _page_of_errors(buildpack: str) -> str:
    """Return the address of the page with the errors of this version: its reader has no checkout of this repository."""
    from cnb.context import read_buildpack  # noqa: PLC0415 (only a build that failed pays for it)
    from uv_buildpack.errors import page  # noqa: PLC0415

    about = read_buildpack(Path(buildpack))
    return page(about.homepage, about.version)


class _Deferred(ModuleType):
    """A module that is imported when something of it is asked for. `LazyLoader` does that at each `import`, too."""

    def __getattr__(self, name: str) -> object:
        sys.modules.pop(self.__name__, None)
        vars(self).update(vars(importlib.import_module(self.__name__)))
        return vars(self)[name]


def defer_imports() -> None:
    """Import asyncio, httpx, what makes layers and what reads uv's failures when they are first used.

    structlog (26.1) imports asyncio for loggers that a build does not have: a fifth of the start of a hot build. httpx
    is 50 ms, which a build with a mirror in the file system does not need.
    """
    import logging  # noqa: PLC0415 (detect does not pay for it)

    for name in ("asyncio", "httpx", "uv_buildpack.layers.making", "uv_buildpack.uv.failures"):
        if name not in sys.modules:
            sys.modules[name] = _Deferred(name)
    if sys.version_info >= (3, 12):
        # structlog makes a record at its import, which would ask asyncio for the name of the current task.
        # https://docs.python.org/3/library/logging.html#optimization
        logging.logAsyncioTasks = False


if __name__ == "__main__":
    sys.exit(main())
