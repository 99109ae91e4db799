"""README's quick start runs as written: on pack and Docker where they are, else on what stands in for them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from integration.readme_commands import blocks, install_programs, runnable
from integration.workbench import free_port
from uv import find_uv_bin

from checks.platforms import containers_reason, pack_reason
from trial.pins import pin
from trial.prerequisites import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from trial.prerequisites import Interpreters

BLOCKS = blocks((REPOSITORY / "README.md").read_text(encoding="utf-8"))
BUILDER = "uv-buildpack-readme-builder"
IMAGES = ("my-app", "my-builder", BUILDER)
_PATIENCE = 180  # seconds; the first start of a container on a busy machine takes a minute


@pytest.fixture(scope="module")
def home(public: Path) -> Iterator[Path]:
    """A directory with the programs that stand in; images are removed at the end."""
    directory = public / "readme"
    directory.mkdir()
    yield directory
    if shutil.which("docker"):
        subprocess.run(["docker", "image", "rm", "--force", *IMAGES], capture_output=True, check=False)


@pytest.fixture(scope="module")
def environment(
    home: Path, buildpack: Path, interpreters: Interpreters, measured_programs: list[str]
) -> Mapping[str, str]:
    """The variables of a visitor's shell, with the programs of `home` first on its PATH."""
    variables = interpreters.variables("/interpreters" if not pack_reason() else str(interpreters.directory))
    volumes = [f"{interpreters.directory}:/interpreters:ro"] if interpreters.directory else []
    certificates = os.environ.get("SSL_CERT_FILE")
    if certificates:
        volumes.append(f"{certificates}:/etc/ssl/certs/machine.crt:ro")
        variables["SSL_CERT_FILE"] = certificates if pack_reason() else "/etc/ssl/certs/machine.crt"
    measured_programs += install_programs(home, buildpack, variables, volumes)
    return {**os.environ, "PATH": f"{home}:{Path(find_uv_bin()).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def measured_programs() -> list[str]:
    """The programs that stand in."""
    return []


@pytest.fixture(scope="module")
def project(home: Path) -> Path:
    """A visitor's project, not locked yet."""
    directory = home / "project"
    shutil.copytree(REPOSITORY / "examples/fastapi", directory, ignore=shutil.ignore_patterns("uv.lock", ".venv"))
    pin(directory)
    return directory


def shell(line: str, directory: Path, environment: Mapping[str, str]) -> None:
    """Run a command line, which must succeed."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"$ {line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def answer_of(line: str, port: int, directory: Path, environment: Mapping[str, str]) -> str:
    """Start a command line that serves on `port`, and return what it answers."""
    argv = ["bash", "-c", f"exec {line}"]
    output = directory / "output"
    with (
        output.open("wb") as opened,
        subprocess.Popen(
            argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=opened, stderr=opened
        ) as serving,
    ):
        try:
            deadline = time.monotonic() + _PATIENCE
            while time.monotonic() < deadline and serving.poll() is None:
                try:
                    return httpx.get(f"http://127.0.0.1:{port}", timeout=5).text
                except httpx.TransportError:
                    time.sleep(0.1)
        finally:
            serving.terminate()
    raise AssertionError(f"no answer from `{line}`:\n{output.read_text(encoding='utf-8', errors='replace')}")


def test_a_project_is_built_and_started_as_the_first_block_says(
    project: Path,
    environment: Mapping[str, str],
    buildpack: Path,
    measured: Callable[[str], None],
    measured_programs: list[str],
) -> None:
    port = free_port()
    package = next(buildpack.parents[2].glob("*.cnb"))
    if not pack_reason():
        shell(f"scripts/builder {BUILDER} --buildpack {package}", REPOSITORY, environment)
    for line in BLOCKS[0]:
        started = time.monotonic()
        command = runnable(line, package, BUILDER, port)
        if line.startswith("docker run"):
            assert "Hello from FastAPI" in answer_of(command, port, project, environment)
        else:
            shell(command, project, environment)
        measured(f"README: {time.monotonic() - started:5.1f} s  {line}")
    measured(f"README: stands in: {', '.join(measured_programs) or 'nothing'}")


@pytest.mark.parametrize("line", BLOCKS[1])
def test_a_checkout_works_as_the_second_block_says(
    line: str,
    environment: Mapping[str, str],
    project: Path,
    interpreters: Interpreters,
    measured: Callable[[str], None],
) -> None:
    if "my-builder" in line and containers_reason():
        measured(f"README: not run, {containers_reason()}: {line}")
        return
    started = time.monotonic()
    # The example is locked to pins in a copy: in the checkout a lock would name the index of this machine.
    visitor = environment if "my-builder" in line else os.environ
    command = line.replace("examples/fastapi", str(project))
    if line.startswith("scripts/package"):
        # Where releases cannot be reached, the archive is given, as the script itself says then.
        command = shlex.join([*shlex.split(command, comments=True), *interpreters.runtime()])
    shell(command, REPOSITORY, visitor)
    measured(f"README: {time.monotonic() - started:5.1f} s  {line}")
