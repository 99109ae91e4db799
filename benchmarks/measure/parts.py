"""What no cold build can do without, each measured alone, on all cores: unpack, install, compile.

The last part, export, is that phase of the cold builds themselves.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from measure.measurements import COMPILE, LIBRARY, SYNC, UNPACK
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.interpreter import relocation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from measure.apps import App


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An application, the mirror of interpreters, uv, and a directory to work in."""

    app: App
    interpreters: Path
    uv: Path
    directory: Path


def measure(bench: Bench, repeat: int) -> list[dict[str, float]]:
    """Measure each part `repeat` times, in seconds. Raises CalledProcessError, InterpreterFailed."""
    bench.app.set_state("base")
    return [_measure(bench) for _ in range(repeat)]


def _measure(bench: Bench) -> dict[str, float]:
    python, venv = bench.directory / "python", bench.directory / "venv"
    shutil.rmtree(bench.directory, ignore_errors=True)
    python.mkdir(parents=True)
    (build,) = json.loads((bench.interpreters / "catalogue.json").read_text(encoding="utf-8"))["builds"]
    archive = bench.interpreters / build["path"]
    unpack = ["tar", "--extract", "--file", str(archive), "--directory", str(python), "--strip-components", "1"]
    interpreter = python / "bin" / f"python{build['version'].rpartition('.')[0]}"
    found = {UNPACK: _seconds(lambda: subprocess.run(unpack, check=True))}
    library = list(_library(python))
    found[LIBRARY] = _seconds(lambda: compiling.compile_files(interpreter, library, "unchecked-hash"))
    found[SYNC] = _seconds(lambda: _sync(bench, interpreter, venv))
    (site_packages,) = venv.glob("lib/python*/site-packages")
    sources = sorted(wanted.modules(site_packages))
    found[COMPILE] = _seconds(lambda: compiling.compile_files(interpreter, sources, "unchecked-hash"))
    shutil.rmtree(bench.directory)
    return found


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _library(python: Path) -> Iterator[Path]:
    """Return the sources of the standard library that an image keeps."""
    for path in (python / "lib").rglob("*.py"):
        if relocation.is_wanted(PurePosixPath(path.relative_to(python))):
            yield path


def _sync(bench: Bench, interpreter: Path, venv: Path) -> None:
    cache = bench.directory / "uv-cache"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(cache),
        "UV_CACHE_DIR": str(cache),
        "UV_NO_PROGRESS": "1",
        "UV_PROJECT_ENVIRONMENT": str(venv),
        "UV_PYTHON": str(interpreter),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    argv: Sequence[str | Path] = [bench.uv, "sync", "--frozen", "--quiet", "--no-default-groups"]
    subprocess.run(argv, cwd=bench.app.directory, env=environment, check=True)
