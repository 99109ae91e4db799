"""The pack CLI as a `Platform`, with a builder made of images that Docker has.

Seen with pack 0.40.6: https://buildpacks.io/docs/reference/config/builder-config/
"""

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnb_platform import docker
from cnb_platform.buildpack import read_buildpack
from cnb_platform.command import Command, follow
from cnb_platform.launch import NO_PROCESS
from cnb_platform.oci import Blob
from cnb_platform.pack_builder import Builder, command
from cnb_platform.platforms import BuildFailed, Options, Started, result_of
from cnb_platform.result import BuildResult

_DEFAULTS = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """`build_image` and `run_image` are in Docker; `lifecycle` is a directory of binaries (None: pack's default).

    `volumes` are mounted into builds (`HOST:INSIDE[:ro]`).
    """

    build_image: str
    run_image: str
    lifecycle: Path | None = None
    volumes: tuple[str, ...] = ()
    caller: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What a test report calls it."""
        return "pack"

    def build(self, app: Path, buildpacks: Sequence[Path], image: str, options: Options = _DEFAULTS) -> BuildResult:
        """Run `pack build` with a builder that holds the buildpacks. Raises BuildFailed."""
        builder = self._builder(buildpacks)
        before = docker.inspect_image(tag(options.previous or image))
        started = time.perf_counter()
        log = self._pack("build", tag(image), *self._volumes(), *_flags(builder, app, image, options))
        built = docker.inspect_image(tag(image))
        layers = [Blob(Path(), "", "", 0, diff_id) for diff_id in built["RootFS"]["Layers"]]
        return result_of(
            image=image,
            digest=built["Id"],
            labels=built["Config"]["Labels"],
            layers=layers,
            known=before["RootFS"]["Layers"] if before else (),
            durations={"all": time.perf_counter() - started},
            log=log,
        )

    def _volumes(self) -> list[str]:
        return [word for volume in self.volumes for word in ("--volume", volume)]

    def _builder(self, buildpacks: Sequence[Path]) -> str:
        """Return a builder with these buildpacks, created again: a buildpack's files may have changed."""
        builder = Builder(
            buildpacks=tuple(buildpacks),
            build_image=self.build_image,
            run_image=self.run_image,
            lifecycle=self.lifecycle,
        )
        keys = " ".join((self.build_image, *(read_buildpack(path).key for path in buildpacks)))
        name = f"cnb-platform-builder:{hashlib.sha256(keys.encode()).hexdigest()[:12]}"
        with command(builder, name) as argv:
            self._pack(*argv[1:], "--pull-policy", "never")
        return name

    def _pack(self, *words: str) -> str:
        # Without the key pack names its cache volumes differently on every machine and home directory.
        environment = {**self.caller, "PACK_VOLUME_KEY": self.caller.get("PACK_VOLUME_KEY", "cnb-platform")}
        printed = bytearray()
        command = Command(argv=("pack", *words, "--no-color"), cwd="/", environment=environment)
        code = follow(command, printed.extend)
        log = printed.decode(errors="replace")
        if code:
            raise BuildFailed(_lifecycle_code(log, code), log)
        return log

    @contextlib.contextmanager
    def start(
        self, image: str, arguments: Sequence[str] = (), *, process: str = "", env: Mapping[str, str] | None = None
    ) -> Iterator[Started]:
        """Start a container of an image; it is stopped at the end.

        A command for the launcher follows `--`: without it the launcher lets a shell read the words again
        (https://github.com/buildpacks/lifecycle/blob/v0.21.17/launch/process.go).
        """
        words = ("--", *arguments) if process == NO_PROCESS and arguments else arguments
        with docker.started(tag(image), words, process, env or {}) as started:
            yield started


def tag(image: str) -> str:
    """Return what Docker calls an image."""
    return f"cnb-platform/{image}:pack"


def _flags(builder: str, app: Path, image: str, options: Options) -> Iterator[str]:
    yield from ("--builder", builder, "--path", str(app.resolve()), "--pull-policy", "never")
    yield from ("--trust-builder", "--network", "host")
    for name, value in options.env.items():
        yield from ("--env", f"{name}={value}")
    for binding in options.bindings:
        yield from ("--volume", f"{binding.resolve()}:/platform/bindings/{binding.resolve().name}")
    for kind in ("build", "launch"):
        yield from ("--cache", f"type={kind};format=volume;name=cnb-platform-{options.cache or image}-{kind}")
    if options.previous:
        yield from ("--previous-image", tag(options.previous))
    if options.clear_cache:
        yield "--clear-cache"


def _lifecycle_code(log: str, code: int) -> int:
    """Return the lifecycle's exit code: pack itself always returns 1 and names it in its last line."""
    _, found, rest = log.rpartition("failed with status code: ")
    digits = rest.split(maxsplit=1)[0].rstrip(".") if found else ""
    return int(digits) if digits.isdecimal() else code
