"""One way to build and run for tests and demos, whatever platform does it: embedded, the real phases, or pack.

A case is written once against `Platform`. The real ones are the judges: where they differ from the embedded platform,
the embedded one is wrong.
"""

import contextlib
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cnb_platform import go_json
from cnb_platform.command import Running
from cnb_platform.errors import PlatformError
from cnb_platform.launch_toml import Process
from cnb_platform.metadata import BUILD_LABEL, LIFECYCLE_LABEL
from cnb_platform.oci import Blob
from cnb_platform.result import BuildResult, LayerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to build; images and caches are names that the platform keeps in a place of its own.

    `previous` and `cache` are the image's own where they are empty.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    bindings: tuple[Path, ...] = ()
    previous: str = ""
    cache: str = ""
    clear_cache: bool = False


class BuildFailed(PlatformError):
    """A build did not work: the lifecycle's exit code and everything printed."""

    def __init__(self, exit_code: int, log: str) -> None:
        """Keep both; the text is the log."""
        super().__init__(log)
        self.exit_code = exit_code
        self.log = log


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that has ended: exit code, and stdout and stderr merged."""

    code: int
    output: str


@dataclass(frozen=True, slots=True)
class Started:
    """A process of an image that runs; it shares the machine's network, so give it a free PORT."""

    process: Running
    written: Path

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def output(self) -> str:
        """Return what it has printed so far."""
        return self.written.read_text(encoding="utf-8", errors="replace")


class Platform(Protocol):
    """Something that builds apps into images and runs them."""

    @property
    def name(self) -> str:
        """What a test report calls it."""

    def build(self, app: Path, buildpacks: Sequence[Path], image: str, options: Options = ...) -> BuildResult:
        """Build an app with one group of buildpacks. Raises BuildFailed."""

    def start(
        self, image: str, arguments: Sequence[str] = (), *, process: str = "", env: Mapping[str, str] = ...
    ) -> AbstractContextManager[Started]:
        """Start a process type ("": the default; "launcher": the arguments are the command); stopped at the end."""


def run(
    platform: Platform,
    image: str,
    arguments: Sequence[str] = (),
    *,
    process: str = "",
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a process of an image to its end."""
    with platform.start(image, arguments, process=process, env=env or {}) as started:
        code = started.process.wait()
        return Finished(code, started.output())


@contextlib.contextmanager
def output_file() -> Iterator[Path]:
    """Yield a file for what a process prints."""
    with tempfile.NamedTemporaryFile(prefix="cnb-platform-output-") as opened:
        yield Path(opened.name)


def result_of(  # noqa: PLR0913 - what is known of an image that another tool made
    *,
    image: str,
    digest: str,
    labels: Mapping[str, str],
    layers: Sequence[Blob],
    known: Collection[str],
    durations: Mapping[str, float],
    log: str,
) -> BuildResult:
    """Return a result made from an image's labels; `known` are the diffIDs of the previous image."""
    about = go_json.loads(labels.get(BUILD_LABEL, "{}"))
    names = dict(_names(go_json.loads(labels.get(LIFECYCLE_LABEL, "{}"))))
    rows = tuple(
        LayerRow(
            name=names.get(blob.diff_id, "run image"),
            diff_id=blob.diff_id,
            digest=blob.digest,
            size=blob.size,
            state=_state(blob.diff_id, names, known),
            created_by="",
        )
        for blob in layers
    )
    return BuildResult(
        image=image,
        digest=digest,
        layers=rows,
        processes=tuple(_process(entry) for entry in about.get("processes") or ()),
        default_process=about.get("buildpack-default-process-type", ""),
        labels=labels,
        durations=durations,
        log=log,
    )


def _state(diff_id: str, names: Mapping[str, str], known: Collection[str]) -> str:
    if diff_id not in names:
        return "base"
    return "reused" if diff_id in known else "added"


def _names(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the diffIDs that the lifecycle's label knows, and what they are called here."""
    for number, app in enumerate(metadata.get("app") or (), start=1):
        yield app["sha"], f"app {number}"
    for key in ("sbom", "config", "launcher", "process-types"):
        if sha := (metadata.get(key) or {}).get("sha"):
            yield sha, key
    for buildpack in metadata.get("buildpacks") or ():
        for name, layer in (buildpack.get("layers") or {}).items():
            yield layer["sha"], f"{buildpack['key']}:{name}"


def _process(entry: Mapping[str, Any]) -> Process:
    command = entry["command"] if isinstance(entry["command"], list) else [entry["command"]]
    args = entry.get("args")
    return Process(
        type=entry["type"],
        command=tuple(command),
        args=None if args is None else tuple(args),
        default=False,
        buildpack_id=entry.get("buildpackID", ""),
        working_dir=entry.get("working-dir", ""),
    )
