"""Building, starting and looking into images, on whatever platform a case is run on."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cnb_platform.platform_embedded import Embedded
from cnb_platform.platforms import BuildFailed, Options, Platform, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from integration.application import App

    from cnb_platform.result import BuildResult

BASE = f"base-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""An image that has the `python` layer already: a build on top of it does not pay for the standard library again.

Each process of a run has its own: the one that ends first removes it."""

_PATIENCE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """A platform, the packaged buildpack, and the variables that every build on this machine needs."""

    platform: Platform
    buildpack: Path
    variables: Mapping[str, str]
    built: list[str] = field(default_factory=list)

    @property
    def in_containers(self) -> bool:
        """Whether images are started in Docker, not on this machine."""
        return self.platform.name not in {"embedded", "lifecycle"}

    def build(  # noqa: PLR0913 (what a build may be given)
        self,
        app: App,
        image: str,
        *,
        env: Mapping[str, str] | None = None,
        previous: str = "",
        bindings: Sequence[Path] = (),
        later: Sequence[Path] = (),
        cache: str = "",
    ) -> BuildResult:
        """Build an app, with `later` buildpacks after this one. Raises BuildFailed."""
        options = Options(
            env={**self.variables, **(env or {})}, previous=previous, bindings=tuple(bindings), cache=cache
        )
        self.built.append(image)
        return self.platform.build(app.directory, [self.buildpack, *later], image, options)

    def failing(self, app: App, image: str, **given: Any) -> str:  # noqa: ANN401 (what build is given)
        """Return the log of a build that must fail, by the reader's fault and not by ours."""
        with pytest.raises(BuildFailed) as failed:
            self.build(app, image, **given)
        log = failed.value.log
        assert "\nTraceback" not in log, log
        return log

    def run(self, image: str, *argv: str, env: Mapping[str, str] | None = None) -> str:
        """Return the output of a command in the image, which must succeed."""
        finished = run(self.platform, image, argv, process="launcher", env=env)
        assert finished.code == 0, finished.output
        return finished.output

    def python(self, image: str, program: str, *arguments: str) -> Any:  # noqa: ANN401 (what the program makes)
        """Return what a program prints as JSON when the image's `python` runs it in the app directory."""
        return json.loads(self.run(image, "python", "-c", program, *arguments))

    @contextlib.contextmanager
    def serving(self, image: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
        """Yield the address of the image's default process, once it answers."""
        port = free_port()
        with self.platform.start(image, env={"PORT": str(port), **(env or {})}) as started:
            address = f"http://127.0.0.1:{port}/"
            deadline = time.monotonic() + _PATIENCE
            while not _answers(address):
                assert started.alive, started.output()
                assert time.monotonic() < deadline, started.output()
                time.sleep(0.05)
            yield address

    def changed(self, **changes: Any) -> Workbench:  # noqa: ANN401 (fields of Embedded)
        """Return the same bench with another embedded platform: other user, umask, place."""
        assert isinstance(self.platform, Embedded)
        return replace(self, platform=replace(self.platform, **changes))


def diff_ids(result: BuildResult, *, without: Sequence[str] = ()) -> dict[str, str]:
    """Return the layers of an image by name, but for those of its base."""
    return {row.name: row.diff_id for row in result.layers if row.state != "base" and row.name not in without}


def layer_states(result: BuildResult) -> dict[str, str]:
    """`added` or `reused` for each layer of this buildpack, by its short name."""
    prefix = "uv-buildpack/python:"
    return {
        row.name.removeprefix(prefix): row.state.partition(" ")[0]
        for row in result.layers
        if row.name.startswith(prefix)
    }


def commands(log: str) -> list[str]:
    """Return the uv commands that a build ran, as its log shows them."""
    return [line.strip().removeprefix("$ ") for line in log.splitlines() if line.strip().startswith("$ uv")]


def warnings(log: str) -> list[str]:
    """Return the first line of each warning."""
    return [line.partition("warning: ")[2] for line in log.splitlines() if line.startswith("  warning: ")]


def errors(log: str) -> list[str]:
    """Return the first line of each error."""
    return [line.removeprefix("error: ") for line in log.splitlines() if line.startswith("error: ")]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(address: str) -> bool:
    try:
        httpx.get(address, timeout=5)
    except httpx.TransportError:
        return False
    return True
