"""The platforms that an application can be built on, best first, and how its image is started on each."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from base_image import layouts
from checks.platforms import base_images_reason, containers_reason, pack_reason
from cnb_platform.pack_builder import Builder, command
from trial.prerequisites import REPOSITORY, run
from trial.progress import CommandFailed, quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from trial.prerequisites import Interpreters

_PORT = 8080
_BUILD_IMAGE, _RUN_IMAGE = layouts.tag("build"), layouts.tag("run")
_RUN_LAYOUT = layouts.directory() / "run"
_PUBLIC_BUILDER = "heroku/builder:24"
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


@dataclass(frozen=True, slots=True)
class Serving:
    """A started application: where it is, whether it still runs, and the end of what it wrote."""

    address: str
    alive: Callable[[], bool]
    log: Callable[[], str]


class Platform(Protocol):
    """One way to get from an application to an answer. Its methods raise CalledProcessError or CommandFailed."""

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

    def serving(self) -> AbstractContextManager[Serving]:
        """Return the started application, which is stopped afterwards."""
        ...

    def show_layers(self) -> None:
        """Print the table of layers."""
        ...


@contextmanager
def choose_platform(job: Job) -> Iterator[Platform]:
    """Return the best platform there is, and say why it is not a better one; remove what it left in Docker."""
    reasons = [f"pack: {pack_reason()}"] if pack_reason() else []
    left = DockerThings()
    try:
        if not reasons:
            pack = Pack(job, left, _own_lifecycle())
            if pack.find_builder():
                yield pack
                return
            reasons.append(f"pack: the builder {_PUBLIC_BUILDER} cannot be pulled")
        if containers := containers_reason():
            reasons.append(f"containers: {containers}")
        print("".join(f"\n    {reason}" for reason in reasons), flush=True)
        yield Embedded(job) if containers else EmbeddedInDocker(job, left)
    finally:
        left.remove()


@dataclass(frozen=True, slots=True)
class DockerThings:
    """What was made in Docker, under names of our own, or was not there before."""

    token: str = field(default_factory=lambda: secrets.token_hex(4))
    images: list[str] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)

    @property
    def tag(self) -> str:
        """The application's image."""
        return f"uv-buildpack-try:{self.token}"

    def will_make(self, image: str) -> None:
        """Remove this image at the end, unless it is there already."""
        found = subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False)
        if found.returncode:
            self.images.append(image)

    def remove(self) -> None:
        """Remove all of it, the last first."""
        for kind, names in (("image", self.images), ("volume", self.volumes)):
            if names:
                argv = ["docker", kind, "rm", "--force", *reversed(names)]
                subprocess.run(argv, capture_output=True, check=False)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Phases and application run as processes of this machine."""

    job: Job
    name: str = "the embedded platform, on this machine"

    def prepare(self) -> None:
        """See Platform."""

    def build(self) -> None:
        """See Platform."""
        variables = self.job.interpreters.variables(str(self.job.interpreters.directory))
        variables |= {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
        _cnb_platform("build", self.job.app, *_embedded_options(self.job), *_variables(variables))

    @contextmanager
    def serving(self) -> Iterator[Serving]:
        """See Platform."""
        port = _free_port()
        argv = [str(REPOSITORY / "scripts/cnb-platform"), "launch", str(self.job.image), "--env", f"PORT={port}"]
        written = self.job.scratch / "application.log"
        with (
            written.open("wb") as output,
            subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            ) as process,
        ):
            try:
                yield Serving(f"http://127.0.0.1:{port}/", lambda: process.poll() is None, lambda: _end_of(written))
            finally:
                os.killpg(process.pid, signal.SIGTERM)  # the launcher and the application, which is its child

    def show_layers(self) -> None:
        """See Platform."""
        _show_layers(self.job.image)


@dataclass(frozen=True, slots=True)
class EmbeddedInDocker:
    """Phases run in containers of a build image without Python, the application in one of a smaller run image."""

    job: Job
    left: DockerThings
    name: str = "the embedded platform, in Docker containers"

    def prepare(self) -> None:
        """See Platform."""
        for image in (_BUILD_IMAGE, _RUN_IMAGE, self.left.tag):
            self.left.will_make(image)
        quietly(REPOSITORY / "scripts/base-images")

    def build(self) -> None:
        """See Platform."""
        images = ["--container", _BUILD_IMAGE, "--run-image", str(_RUN_LAYOUT), "--docker", self.left.tag]
        _cnb_platform("build", self.job.app, *_embedded_options(self.job), *images, *_container_options(self.job))

    def serving(self) -> AbstractContextManager[Serving]:
        """See Platform."""
        return _container(self.left.tag)

    def show_layers(self) -> None:
        """See Platform."""
        _show_layers(self.job.image)


@dataclass(frozen=True, slots=True)
class Pack:
    """The pack CLI, with your default builder, a public one, or one that is made of this machine's lifecycle."""

    job: Job
    left: DockerThings
    lifecycle: Path | None  # that a builder is made of
    name: str = "pack"

    def find_builder(self) -> bool:
        """Return whether there is a builder, or one can be made or pulled."""
        if self.lifecycle is not None or _default_builder():
            return True
        self.left.will_make(_PUBLIC_BUILDER)
        try:
            if _PUBLIC_BUILDER in self.left.images:
                quietly("docker", "pull", "--quiet", _PUBLIC_BUILDER)
        except CommandFailed:
            return False
        return True

    def prepare(self) -> None:
        """See Platform."""
        self.left.will_make(self.left.tag)
        self.left.volumes.extend(self._volumes())
        if self.lifecycle is None:
            return
        for image in (_BUILD_IMAGE, _RUN_IMAGE, self._builder()):
            self.left.will_make(image)
        quietly(REPOSITORY / "scripts/base-images")
        made = Builder(
            buildpacks=(self.job.buildpack,), build_image=_BUILD_IMAGE, run_image=_RUN_IMAGE, lifecycle=self.lifecycle
        )
        with command(made, self._builder()) as argv:
            quietly(*argv, "--pull-policy", "never")

    def build(self) -> None:
        """See Platform."""
        build, launch = self._volumes()
        run(
            *("pack", "build", self.left.tag, "--path", str(self.job.app), "--network", "host"),
            *("--cache", f"type=build;format=volume;name={build}"),
            *("--cache", f"type=launch;format=volume;name={launch}"),
            *self._builder_options(),
            *_container_options(self.job),
        )

    def serving(self) -> AbstractContextManager[Serving]:
        """See Platform."""
        return _container(self.left.tag)

    def show_layers(self) -> None:
        """See Platform."""
        run("docker", "history", "--format", "table {{.Size}}\t{{.CreatedBy}}", self.left.tag)

    def _builder(self) -> str:
        return f"uv-buildpack-try-builder:{self.left.token}"

    def _volumes(self) -> tuple[str, str]:
        return f"uv-buildpack-try-{self.left.token}-build", f"uv-buildpack-try-{self.left.token}-launch"

    def _builder_options(self) -> list[str]:
        if self.lifecycle is not None:
            return ["--builder", self._builder(), "--trust-builder", "--pull-policy", "never"]
        chosen = [] if _default_builder() else ["--builder", _PUBLIC_BUILDER]
        return [*chosen, "--buildpack", str(self.job.buildpack), "--trust-extra-buildpacks"]


def _cnb_platform(*words: str | Path) -> None:
    run(REPOSITORY / "scripts/cnb-platform", *words)


def _show_layers(image: Path) -> None:
    """Print what `cnb-platform inspect` says, without the labels: they are for programs."""
    described = _output(str(REPOSITORY / "scripts/cnb-platform"), "inspect", str(image))
    print(f"\n{described.partition(f'{chr(10)}{chr(10)}Labels')[0]}", flush=True)


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


def _own_lifecycle() -> Path | None:
    """Return the phases that this machine has, if there are base images to make a builder with."""
    found = os.environ.get("CNB_LIFECYCLE_DIR")
    return Path(found) if found and not base_images_reason() else None


def _default_builder() -> bool:
    asked = subprocess.run(["pack", "config", "default-builder"], capture_output=True, text=True, check=False)
    return "current default builder is" in asked.stdout  # else "No default builder is set."


@contextmanager
def _container(tag: str) -> Iterator[Serving]:
    argv = ["docker", "run", "--detach", "--publish", f"127.0.0.1::{_PORT}", "--env", f"PORT={_PORT}", tag]
    name = _output(*argv)
    try:
        yield Serving(_address(name), lambda: _is_running(name), lambda: _container_log(name))
    finally:
        subprocess.run(["docker", "stop", "--time", "10", name], capture_output=True, check=False)
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)


def _address(name: str) -> str:
    """Return where the container is reached; one that has ended already is reached nowhere."""
    argv = ["docker", "port", name, f"{_PORT}/tcp"]
    published = subprocess.run(argv, capture_output=True, text=True, check=False).stdout.splitlines()
    return f"http://{published[0]}/" if published else f"http://127.0.0.1:{_free_port()}/"


def _is_running(name: str) -> bool:
    return _output("docker", "inspect", "--format", "{{.State.Running}}", name) == "true"


def _container_log(name: str) -> str:
    argv = ["docker", "logs", "--tail", "20", name]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def _end_of(path: Path) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def _output(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
