"""The interpreter that compiles the app's modules: the buildpack's own, or the app's where it is of another minor.

A build in which only sources changed has no interpreter of the app on its disk. So the part of it that compiling needs
is kept as a snapshot, which is unpacked only where a module changed. Which interpreter compiles follows from the inputs
alone, and so do the bytes. See docs/decisions/0009-app-modules-are-compiled-for-every-python.md.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack import command, log
from uv_buildpack.bytecode import compiling
from uv_buildpack.errors import InterpreterFailed
from uv_buildpack.interpreter.catalogue import program
from uv_buildpack.layers import python as python_layer
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.policy import COMPILER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from uv_buildpack.interpreter.catalogue import CPythonBuild
    from uv_buildpack.layers.python import PythonKey
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.work import Work
    from uv_buildpack.snapshots.policy import Snapshots

SCHEME = "1"
LARGEST = 9 * 1000 * 1000
"""Bytes, compressed: each megabyte costs every build 17 ms, and this is to cost none more than 0.15 s."""

# Imports what `compile_worker.py` imports, and prints the files that this took: modules, and libraries from the loader.
# Since CPython 3.15 modules of the standard library import others when they first use them; looking at the name is a
# use: https://peps.python.org/pep-0810/
_NEEDED = """
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import errno, importlib.util, json, marshal, os
known = 0
while known < len(sys.modules):
    known = len(sys.modules)
    for module in list(sys.modules.values()):
        for name in list(getattr(module, "__dict__", ())):
            try:
                getattr(module, name, None)
            except ImportError:
                pass
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())} - {None}
with open("/proc/self/maps") as maps:
    files |= {line.split(None, 5)[5].rstrip("\\n") for line in maps if ".so" in line and line.count("/")}
print(json.dumps(sorted(files | {os.__file__})))
"""


class Compiler(NamedTuple):
    """The interpreter that compiles the modules of this build's app."""

    work: Work
    python: Wanted[PythonKey]

    @property
    def build(self) -> CPythonBuild:
        """The app's Python."""
        return self.work.analysis.decisions.python

    @property
    def identity(self) -> str:
        """What tells one compiler from another: two of one minor may write different bytes for one source."""
        if is_runtime(self.build):
            return sys.version
        return f"{self.build.version} {self.build.variant} {self.build.sha256}"

    def interpreter(self) -> Path:
        """Return the interpreter; the app's own is unpacked or fetched first where it is not on the disk.

        Raises `Problem`, `OSError`.
        """
        if is_runtime(self.build):
            return Path(sys.executable)
        key = {"scheme": SCHEME, "interpreter": self.identity}
        installed = program(self.work.directory(python_layer.NAME), self.build)
        if not installed.exists():
            unpacked = self.work.scratch / COMPILER
            unpacked.mkdir()
            if self.work.snapshots.take(COMPILER, unpacked, key):
                return program(unpacked, self.build)
            log.step(f"Python {self.build.version} is needed to compile modules of the app")
            python_layer.borrow(self.work, self.python)
        _keep(installed, key, self.work.snapshots, self.work.scratch)
        return installed


def chosen(work: Work, python: Wanted[PythonKey]) -> Compiler:
    """Return the compiler of this build, and forget what was kept of another one that is no longer needed."""
    if is_runtime(work.analysis.decisions.python) and work.snapshots.directory is not None:
        file_format.forget(work.snapshots.directory, COMPILER)
    return Compiler(work=work, python=python)


def is_runtime(build: CPythonBuild) -> bool:
    """Return whether the interpreter that runs this compiles for a build: bytecode is the same within a minor."""
    return not build.freethreaded and build.version.rpartition(".")[0] == _minor()


def _minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _keep(python: Path, key: Mapping[str, str], snapshots: Snapshots, scratch: Path) -> None:
    """Keep a copy of the part of an interpreter that compiling needs, unless there is one. Raises `OSError`."""
    known = snapshots.find(COMPILER)
    if snapshots.directory is None or (known is not None and dict(known.key) == dict(key)):
        return
    prefix, tree = python.parents[1].resolve(), scratch / f"{COMPILER}-kept"
    for path in _needed(python):
        copy = tree / path.relative_to(prefix)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    # By this directory and os.py the interpreter finds its library:
    # https://github.com/python/cpython/blob/v3.13.0/Modules/getpath.py
    (tree / "lib" / python.name / "lib-dynload").mkdir(parents=True, exist_ok=True)
    compiling.compile_tree(tree / "bin" / python.name, tree / "lib")
    file_format.keep(snapshots.directory, COMPILER, tree, key, limit=LARGEST)


def _needed(python: Path) -> Iterator[Path]:
    """Yield the files of an interpreter that the compile worker loads. Raises `InterpreterFailed`, `OSError`."""
    argv: list[str | Path] = [python, "-S", "-s", "-B", "-c", _NEEDED]
    done = command.run(argv, environment={"LC_ALL": "C.UTF-8"}, cwd=Path("/"))
    if done.returncode:
        raise InterpreterFailed(python, "name the files it needs", done.returncode, done.stderr)
    prefix = python.parents[1].resolve()
    yield python.resolve()
    for name in json.loads(done.stdout):
        path = Path(name).resolve()
        if path.is_relative_to(prefix):
            yield path
