"""The embedded platform as a `Platform`: images are layouts below a directory, run here or in Docker."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnb_platform import docker
from cnb_platform.console import Log
from cnb_platform.embedded import build_image
from cnb_platform.errors import PlatformError
from cnb_platform.launch import LaunchRequest, running
from cnb_platform.platforms import BuildFailed, Options, Started, output_file
from cnb_platform.request import Request
from cnb_platform.result import BuildResult

_DEFAULTS = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """`root` holds images and caches; `caller` is the environment that builds are started from.

    With `container` (a build image in Docker) and `run_image` (a layout), images are loaded into Docker and run there.
    `layers_dir` and `app_dir` are for builds beside others: two cannot have the customary directories at once.
    """

    root: Path
    caller: Mapping[str, str] = field(default_factory=dict)
    container: str = ""
    volumes: tuple[str, ...] = ()
    run_image: Path | None = None
    platform_api: str = "0.15"
    umask: int = 0o022
    layers_dir: Path | None = None
    app_dir: Path | None = None

    @property
    def name(self) -> str:
        """What a test report calls it."""
        return "embedded with Docker" if self.container else "embedded"

    def layout(self, image: str) -> Path:
        """Return where an image is."""
        return self.root / "images" / image

    def build(self, app: Path, buildpacks: Sequence[Path], image: str, options: Options = _DEFAULTS) -> BuildResult:
        """Build an app with one group of buildpacks. Raises BuildFailed."""
        request = Request(
            app=app,
            buildpacks=tuple(buildpacks),
            image=self.layout(image),
            previous_image=self.layout(options.previous) if options.previous else None,
            cache=self.root / "caches" / (options.cache or image),
            run_image=self.run_image,
            env=options.env,
            bindings=options.bindings,
            container=self.container,
            volumes=self.volumes,
            docker=tag(image) if self.container else "",
            platform_api=self.platform_api,
            clear_cache=options.clear_cache,
            umask=self.umask,
            layers_dir=self.layers_dir,
            app_dir=self.app_dir,
        )
        log = Log()
        try:
            return build_image(request, self.caller, log)
        except PlatformError as error:
            log.line(f"ERROR: {error}")
            raise BuildFailed(error.exit_code, log.text()) from error

    @contextlib.contextmanager
    def start(
        self, image: str, arguments: Sequence[str] = (), *, process: str = "", env: Mapping[str, str] | None = None
    ) -> Iterator[Started]:
        """Start a process of an image; it is stopped at the end. Raises LaunchFailed."""
        if self.container:
            with docker.started(tag(image), arguments, process, env or {}) as started:
                yield started
            return
        request = LaunchRequest(
            image=self.layout(image), process=process, arguments=tuple(arguments), env=dict(env or {})
        )
        with output_file() as written, written.open("wb") as opened, running(request, opened.fileno()) as process_:
            yield Started(process_, written)


def tag(image: str) -> str:
    """Return what Docker calls an image."""
    return f"cnb-platform/{image}:embedded"
