"""The platforms that an example can be built on, best first, and how its image is started on each."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from checks.platforms import containers_reason, docker_reason
from trial.prerequisites import REPOSITORY, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from trial.prerequisites import Interpreters

_TAG = "uv-buildpack-example:latest"
_PORT = 8080
_BASE_IMAGES = REPOSITORY / ".cache" / "base-images"
_PACK_BUILDER = "heroku/builder:24"
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Where a build container sees what lies on this machine.
_MIRROR = "/interpreters"
_BUNDLE = "/etc/ssl/certs/machine.crt"


@dataclass(frozen=True, slots=True)
class Job:
    """What is built: `scratch` is a directory of ours for layouts and caches."""

    app: Path
    buildpack: Path
    interpreters: Interpreters
    scratch: Path

    @property
    def image(self) -> Path:
        """The OCI image layout that the embedded platform writes."""
        return self.scratch / "image"


class Platform(Protocol):
    """One way to get from an application to an answer. Its methods raise CalledProcessError."""

    @property
    def name(self) -> str:
        """What it is called in the log."""
        ...

    def prepare(self) -> None:
        """Make what a build stands on and no buildpack can see to."""
        ...

    def build(self) -> None:
        """Build the image, over the one of the last call."""
        ...

    def serving(self) -> AbstractContextManager[str]:
        """The address of the started application, which is stopped afterwards."""
        ...

    def show_layers(self) -> None:
        """Print the table of layers."""
        ...

    def clean(self) -> None:
        """Remove what was left outside `scratch`."""
        ...


def best_platform(job: Job) -> Platform:
    """Pack with Docker, else the embedded platform in Docker containers, else the embedded platform alone."""
    if shutil.which("pack") and not docker_reason():
        return Pack(job)
    reason = containers_reason()
    return Embedded(job, f"the embedded platform, on this machine ({reason})") if reason else EmbeddedInDocker(job)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Phases and application run as processes of this machine."""

    job: Job
    name: str

    def prepare(self) -> None:
        """See Platform."""

    def build(self) -> None:
        """See Platform."""
        variables = self.job.interpreters.variables(str(self.job.interpreters.directory))
        variables |= {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
        _cnb_platform("build", self.job.app, *_embedded_options(self.job), *_variables(variables))

    @contextmanager
    def serving(self) -> Iterator[str]:
        """See Platform."""
        port = _free_port()
        argv = [str(REPOSITORY / "scripts/cnb-platform"), "launch", str(self.job.image), "--env", f"PORT={port}"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                yield f"http://127.0.0.1:{port}/"
            finally:
                os.killpg(process.pid, signal.SIGTERM)  # the launcher and the application, which is its child

    def show_layers(self) -> None:
        """See Platform."""
        _show_layers(self.job.image)

    def clean(self) -> None:
        """See Platform."""


@dataclass(frozen=True, slots=True)
class EmbeddedInDocker:
    """Phases run in containers of a build image without Python, the application in one of a smaller run image."""

    job: Job
    name: str = "the embedded platform, in Docker containers"

    def prepare(self) -> None:
        """See Platform."""
        run(REPOSITORY / "scripts/base-images")

    def build(self) -> None:
        """See Platform."""
        images = ["--container", "uv-buildpack-build:1", "--run-image", str(_BASE_IMAGES / "run"), "--docker", _TAG]
        _cnb_platform("build", self.job.app, *_embedded_options(self.job), *images, *_container_options(self.job))

    def serving(self) -> AbstractContextManager[str]:
        """See Platform."""
        return _container()

    def show_layers(self) -> None:
        """See Platform."""
        _show_layers(self.job.image)

    def clean(self) -> None:
        """See Platform."""
        _remove_image()


@dataclass(frozen=True, slots=True)
class Pack:
    """The pack CLI, with its default builder or, if none is set, one that is published for both architectures."""

    job: Job
    name: str = "pack"

    def prepare(self) -> None:
        """See Platform."""

    def build(self) -> None:
        """See Platform."""
        options = [
            "--path",
            str(self.job.app),
            "--buildpack",
            str(self.job.buildpack),
            "--trust-extra-buildpacks",
            "--network",
            "host",
        ]
        run("pack", "build", _TAG, *options, *_pack_builder(), *_container_options(self.job))

    def serving(self) -> AbstractContextManager[str]:
        """See Platform."""
        return _container()

    def show_layers(self) -> None:
        """See Platform."""
        run("docker", "history", "--format", "table {{.Size}}\t{{.CreatedBy}}", _TAG)

    def clean(self) -> None:
        """See Platform."""
        _remove_image()


def _cnb_platform(*words: str | Path) -> None:
    run(REPOSITORY / "scripts/cnb-platform", *words)


def _show_layers(image: Path) -> None:
    """What `cnb-platform inspect` says, without the labels: they are for programs."""
    described = _output(str(REPOSITORY / "scripts/cnb-platform"), "inspect", str(image))
    print(described.partition("\n\nLabels")[0], flush=True)


def _embedded_options(job: Job) -> list[str]:
    return ["--buildpack", str(job.buildpack), "--image", str(job.image), "--cache", str(job.scratch / "cache")]


def _container_options(job: Job) -> list[str]:
    """Mounts and variables for what a build in a container cannot see: the mirror, and this machine's certificates."""
    volumes = []
    variables = job.interpreters.variables(_MIRROR)
    if job.interpreters.directory is not None:
        volumes += ["--volume", f"{job.interpreters.directory}:{_MIRROR}:ro"]
    bundle = os.environ.get("SSL_CERT_FILE")
    if bundle:
        volumes += ["--volume", f"{bundle}:{_BUNDLE}:ro"]
        variables["SSL_CERT_FILE"] = _BUNDLE
    return [*volumes, *_variables(variables)]


def _variables(variables: Mapping[str, str]) -> list[str]:
    """Options for `variables`, and for those of this machine that say where packages come from."""
    passed_on = [name for name in os.environ if name.startswith(("UV_INDEX", "UV_DEFAULT_INDEX", "BP_"))]
    pairs = [*(f"{name}={value}" for name, value in variables.items()), *(n for n in passed_on if n not in variables)]
    return [word for pair in pairs for word in ("--env", pair)]


def _pack_builder() -> list[str]:
    asked = subprocess.run(["pack", "config", "default-builder"], capture_output=True, text=True, check=False)
    return [] if "default builder is" in asked.stdout else ["--builder", _PACK_BUILDER]


@contextmanager
def _container() -> Iterator[str]:
    argv = ["docker", "run", "--detach", "--rm", "--publish", f"127.0.0.1::{_PORT}", "--env", f"PORT={_PORT}", _TAG]
    name = _output(*argv)
    try:
        yield f"http://{_output('docker', 'port', name, f'{_PORT}/tcp').splitlines()[0]}/"
    finally:
        run("docker", "logs", "--tail", "5", name)
        _output("docker", "stop", "--time", "10", name)


def _output(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def _remove_image() -> None:
    subprocess.run(["docker", "image", "rm", "--force", _TAG], capture_output=True, check=False)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
