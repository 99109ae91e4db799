"""A whole build: detect, analyze, restore, build, export, in the order of the lifecycle's creator."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cnb_platform import cache_export, docker
from cnb_platform.build import Result, build
from cnb_platform.cache import Cache
from cnb_platform.console import Log
from cnb_platform.detect import detect
from cnb_platform.errors import UnsupportedPlatformApi, UnusableArgument
from cnb_platform.export import Destination, Exported, export
from cnb_platform.plan import Resolved
from cnb_platform.request import PLATFORM_APIS, Request
from cnb_platform.restore import Previous, analyze, describe, restore, restore_store
from cnb_platform.result import BuildResult, LayerRow
from cnb_platform.run_image import NO_SHELL, lacks_shell
from cnb_platform.stage import Staged, stage


def build_image(request: Request, caller: Mapping[str, str], log: Log) -> BuildResult:
    """Build an app. `caller` is the environment of whoever asks: only its allow-listed variables reach a buildpack.

    Raises a subclass of PlatformError, whose exit code is the lifecycle's; the previous image is then untouched.
    """
    _check(request)
    clock = _Clock()
    cache = Cache(request.cache) if request.cache else None
    with stage(request, caller, log) as staged:
        with clock.phase("detect", "DETECTING", log):
            resolved = detect(staged.session, staged.order, staged.shelf)
        with clock.phase("restore", "RESTORING", log):
            previous = _restore(request, staged, resolved, cache)
        with clock.phase("build", "BUILDING", log):
            result = build(staged.session, resolved)
        with clock.phase("export", "EXPORTING", log):
            exported = _export(request, staged, result, previous, cache)
    log.line("  ".join(f"{name} {seconds:.2f} s" for name, seconds in clock.durations.items()))
    return _result(request.image, result, exported, clock.durations, log)


@dataclass(slots=True)
class _Clock:
    durations: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def phase(self, name: str, title: str, log: Log) -> Iterator[None]:
        log.phase(title)
        started = time.perf_counter()
        yield
        self.durations[name] = time.perf_counter() - started


def _check(request: Request) -> None:
    if request.platform_api not in PLATFORM_APIS:
        raise UnsupportedPlatformApi(
            f"Platform API {request.platform_api} is not known; {', '.join(PLATFORM_APIS)} are"
        )
    if not request.app.is_dir():
        raise UnusableArgument(f"the app directory {request.app} does not exist")
    if request.volumes and not request.container:
        raise UnusableArgument("--volume needs --container: without it buildpacks see this machine's files as they are")


def _restore(request: Request, staged: Staged, resolved: Resolved, cache: Cache | None) -> Previous:
    previous = analyze(staged.previous_image, cache, staged.session)
    staged.session.log.line(describe(previous))
    if request.clear_cache:
        for buildpack in resolved.group:
            restore_store(staged.session, buildpack, previous)
    else:
        restore(staged.session, resolved.group, previous, cache)
    return previous


def _export(request: Request, staged: Staged, result: Result, previous: Previous, cache: Cache | None) -> Exported:
    log = staged.session.log
    without_shell = request.launcher is None and lacks_shell(staged.run_image, staged.previous_image)
    if without_shell:
        log.notice(
            "the run image has no /bin/sh, which the launcher stand-in needs: containers of this image will not start"
        )
    destination = Destination(
        layout=request.image,
        run_image=staged.run_image,
        tags=request.tags,
        created=request.created,
        launcher=request.launcher,
        annotations={NO_SHELL: "true"} if without_shell else {},
    )
    exported = export(staged.session, result, previous, destination, cache)
    if cache is not None:
        cache_export.commit(staged.session, result, exported.staged, cache)
    log.line(f"Image {request.image}: {exported.image.digest}")
    if request.docker:
        docker.load(exported.image, request.docker)
        log.line(f"Image {request.docker} is in Docker")
    return exported


def _result(image: Path, result: Result, exported: Exported, durations: Mapping[str, float], log: Log) -> BuildResult:
    rows = tuple(
        LayerRow(
            name=row.name,
            diff_id=row.blob.diff_id,
            digest=row.blob.digest,
            size=row.blob.size,
            state=row.state,
            created_by=row.created_by,
        )
        for row in exported.rows
    )
    return BuildResult(
        image=str(image),
        digest=exported.image.digest,
        layers=rows,
        processes=result.launch.processes,
        default_process=result.launch.default_process,
        labels=exported.image.labels,
        durations=durations,
        log=log.text(),
    )
