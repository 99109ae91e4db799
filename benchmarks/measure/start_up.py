"""How long the application's import takes, timed by the process itself, and what it finds no bytecode for."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING, Any, TypeAlias

from cnb_platform import docker, oci
from cnb_platform.launch import NO_PROCESS, LaunchRequest, running
from cnb_platform.platforms import output_file
from cnb_platform.run_image import this_architecture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from measure.builds import Contender

Run: TypeAlias = "Callable[[Sequence[str]], str]"
CONTAINER, HOST = "a read-only container of another user", "layers unpacked on the host"
_PROGRAM = """
import time
began = time.perf_counter()
import main
seconds = time.perf_counter() - began
import json, os, sys
print(json.dumps({"seconds": seconds, "modules": len(sys.modules), "directory": os.getcwd()}))
"""
_LOADED = "# code object from "  # -v says it of bytecode with that file's name, else of the source


class ImportFailed(Exception):
    """The application does not start; what it printed is the message."""


def measure(contenders: Sequence[Contender], image: str, repeat: int, place: str) -> dict[str, list[dict[str, Any]]]:
    """Import the application in turns, in a process of each image, in one of the places; only the import is timed.

    Raises ImportFailed, PlatformError.
    """
    start = _in_container if place == CONTAINER else _on_host
    with contextlib.ExitStack() as stack:
        runs = {who.name: stack.enter_context(start(who.layout(image), who.name)) for who in contenders}
        # The first start of each image also reads from the disk, and is the one that fails readably.
        for run in runs.values():
            run(["python", "-c", _PROGRAM])
        uncompiled = {name: _uncompiled(run(["python", "-v", "-c", _PROGRAM])) for name, run in runs.items()}
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in runs}
        for _ in range(repeat):
            for name, run in runs.items():
                said = _said(run(["python", "-c", _PROGRAM]))
                row = {"seconds": said["seconds"], "modules": said["modules"], "uncompiled": uncompiled[name]}
                found[name].append(row)
    return found


@contextlib.contextmanager
def _in_container(layout: Path, name: str) -> Iterator[Run]:
    tag = f"uv-buildpack-benchmark/{name}:1"
    docker.load(oci.read(layout, this_architecture()), tag)
    options = ["--rm", "--read-only", "--network", "none", "--user", "4321:4321", "--entrypoint", NO_PROCESS]

    def run(argv: Sequence[str]) -> str:
        command = ["docker", "run", *options, tag, *argv]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return _checked(done.returncode, done.stdout)

    try:
        yield run
    finally:
        subprocess.run(["docker", "image", "rm", "--force", tag], stdout=subprocess.DEVNULL, check=False)


@contextlib.contextmanager
def _on_host(layout: Path, _: str) -> Iterator[Run]:
    def run(argv: Sequence[str]) -> str:
        environment = {"PYTHONDONTWRITEBYTECODE": "1"}
        request = LaunchRequest(image=layout, process=NO_PROCESS, arguments=tuple(argv), env=environment)
        with output_file() as written, written.open("wb") as opened:
            with running(request, opened.fileno()) as process:
                code = process.wait()
            return _checked(code, written.read_text(encoding="utf-8", errors="replace"))

    yield run


def _checked(code: int, output: str) -> str:
    if code:
        raise ImportFailed(output)
    return output


def _said(output: str) -> dict[str, Any]:
    line = next(line for line in output.splitlines() if line.startswith('{"seconds"'))
    said: dict[str, Any] = json.loads(line)
    return said


def _uncompiled(output: str) -> int:
    """Count the modules without valid bytecode; those of the application itself are not meant to have any."""
    loaded = [line.removeprefix(_LOADED).strip("'") for line in output.splitlines() if line.startswith(_LOADED)]
    app_dir = f"{_said(output)['directory']}/"
    return sum(not path.endswith(".pyc") and not path.startswith(app_dir) for path in loaded)
