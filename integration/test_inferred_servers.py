"""Every command that inference makes up really starts its server, and the server answers."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from integration.starters.cases import Case, all_cases
from uv import find_uv_bin

from trial.pins import PINS
from uv_buildpack.processes import start_command
from uv_buildpack.processes.inference import AppFacts, InferredProcess, infer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

FASTAPI = """
from fastapi import FastAPI
from {package} import greeting

def create_app() -> FastAPI:
    app = FastAPI()
    app.get("/")(lambda: greeting)
    return app
"""
FLASK = """
from flask import Flask
from {package} import greeting

def create_app():
    app = Flask(__name__)
    app.get("/")(lambda: greeting)
    return app
"""
SERVERS = [
    *((FASTAPI, "fastapi", server) for server in (("uvicorn",), ("hypercorn",), ("granian",))),
    (FASTAPI, "fastapi", ("gunicorn", "uvicorn-worker")),
    *((FLASK, "flask", server) for server in (("gunicorn",), ("waitress",), ("hypercorn",), ("granian",), ())),
]
# Of scripts/starters, which runs every framework, the ones that need little.
OTHERS = {
    "aiohttp--root",
    "bottle--root",
    "django-gunicorn-root",
    "django-gunicorn-src",
    "django-uvicorn-root",
    "tornado--subdirectory",
}
DISTRIBUTIONS = [
    "aiohttp",
    "bottle",
    "django",
    "tornado",
    "fastapi",
    "flask",
    "granian",
    "gunicorn",
    "hypercorn",
    "uvicorn",
    "uvicorn-worker",
    "waitress",
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with every server; gives its directory of programs."""
    environment = tmp_path_factory.mktemp("servers") / "venv"
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True, timeout=60)
    python = environment / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--constraint", str(PINS)]
    subprocess.run([*install, *DISTRIBUTIONS], check=True, timeout=300)
    return environment / "bin"


def process_of(project: Path, distributions: Sequence[str]) -> InferredProcess:
    facts = AppFacts(
        project_dir=project,
        direct_dependencies=frozenset(distributions),
        installed=dict.fromkeys(distributions, "1"),
        packaged=False,
        pyproject={},
    )
    (process,) = infer(facts).processes
    return process


def command_for(project: Path, distributions: Sequence[str]) -> tuple[str, ...]:
    return start_command.from_line(process_of(project, distributions).command).argv


def free_port() -> int:
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(argv: Sequence[str], project: Path, programs: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "PORT": str(port)}
    with subprocess.Popen(argv, cwd=project, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: subprocess.Popen[bytes], port: int) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/", timeout=5).text
        except httpx.TransportError:
            time.sleep(0.1)
    return f"no answer, exit code {process.poll()}"


@pytest.mark.parametrize("path", ["shop/main.py", "src/shop/main.py"])
@pytest.mark.parametrize("factory", [True, False], ids=["factory", "object"])
@pytest.mark.parametrize("case", SERVERS, ids=["-".join(server) or "flask" for _, _, server in SERVERS])
def test_the_inferred_command_serves(
    tmp_path: Path, programs: Path, case: tuple[str, str, tuple[str, ...]], path: str, *, factory: bool
) -> None:
    source, framework, server = case
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.with_name("__init__.py").write_text("greeting = 'good day'\n")
    file.write_text(source.format(package="shop") + ("" if factory else "\napp = create_app()\n"))
    port = free_port()
    with running(command_for(tmp_path, (framework, *server)), tmp_path, programs, port) as process:
        assert "good day" in answer(process, port)
        # The program has the process id that the platform knows, so a signal ends it.
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize("case", [one for one in all_cases() if one.name in OTHERS], ids=lambda case: case.name)
def test_other_frameworks_are_started(tmp_path: Path, programs: Path, case: Case) -> None:
    for name, text in case.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    process = process_of(tmp_path, case.dependencies)
    argv = start_command.from_line(process.command).argv
    port = free_port()
    with running(argv, tmp_path / process.directory, programs, port) as started:
        assert case.answer in answer(started, port)
