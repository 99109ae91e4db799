"""The real phases as a `Platform`: the lifecycle's creator, exporting to an OCI layout.

Platform specification, "creator", with the experimental `-layout`: https://github.com/buildpacks/spec/blob/platform/0.15/platform.md
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cnb import toml
from cnb_platform import directories, oci, tar
from cnb_platform.buildpack import Buildpack, read_buildpack
from cnb_platform.command import Command, follow
from cnb_platform.directories import Pair
from cnb_platform.launch import LaunchRequest, running
from cnb_platform.machine import DEFAULT_OWNER, give_tree
from cnb_platform.platforms import BuildFailed, Options, Started, output_file, result_of
from cnb_platform.result import BuildResult
from cnb_platform.run_image import this_architecture
from cnb_platform.tar import Owner

_REGISTRY = "cnb.invalid"  # layouts lie at <registry>/<repository>/<tag>; nothing is asked there
_TAG = "1"
_DEFAULTS = Options()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """`directory` holds the lifecycle's binaries (CNB_LIFECYCLE_DIR); `root` images and caches."""

    directory: Path
    root: Path
    caller: Mapping[str, str] = field(default_factory=dict)
    run_image: Path | None = None
    platform_api: str = "0.15"

    @property
    def name(self) -> str:
        """What a test report calls it."""
        return "lifecycle"

    def layout(self, image: str) -> Path:
        """Return where an image is."""
        return self.root / "images" / _REGISTRY / image / _TAG

    def build(self, app: Path, buildpacks: Sequence[Path], image: str, options: Options = _DEFAULTS) -> BuildResult:
        """Run the creator on the app. Raises BuildFailed."""
        self._provide_run_image()
        before = _diff_ids(self.layout(options.previous or image))
        printed = bytearray()
        started = time.perf_counter()
        with contextlib.ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cnb-lifecycle-")))
            work.chmod(0o755)
            pair = stack.enter_context(directories.customary(self.caller))
            owner = DEFAULT_OWNER if os.geteuid() == 0 else Owner(os.getuid(), os.getgid())
            _fill(work, pair, app, buildpacks, options)
            cache = self.root / "caches" / (options.cache or image)
            cache.mkdir(parents=True, exist_ok=True)
            if os.geteuid() == 0:
                for path in (pair.app, pair.layers, work, cache, self.root / "images"):
                    give_tree(path, owner)
            command = self._creator(work, pair, cache, image, options, owner)
            code = follow(command, printed.extend, umask=0o022)
        log = printed.decode(errors="replace")
        if code:
            raise BuildFailed(code, log)
        built = oci.read(self.layout(image), this_architecture())
        return result_of(
            image=image,
            digest=built.digest,
            labels=built.labels,
            layers=built.layers,
            known=before,
            durations={"all": time.perf_counter() - started},
            log=log,
        )

    def _provide_run_image(self) -> None:
        target = self.layout("run")
        if target.exists():
            return
        if self.run_image is not None:
            shutil.copytree(self.run_image, target)
            return
        oci.prepare(target)
        entries = [tar.directory("/run", tar.ROOT)]  # the lifecycle wants a top layer
        layer = oci.add_layer(target, tar.stream(entries), tar.write_gzip, oci.OCI_TYPES.gzip)
        config = {
            "architecture": this_architecture(),
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id]},
            "config": {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
        }
        oci.write(target, oci.Image(config=config, layers=(layer,)))

    def _creator(  # noqa: PLR0913, PLR0917 - the directories that creator is told about
        self, work: Path, pair: Pair, cache: Path, image: str, options: Options, owner: Owner
    ) -> Command:
        flags = {
            "app": pair.app,
            "layers": pair.layers,
            "buildpacks": work / "buildpacks",
            "order": work / "order.toml",
            "platform": work / "platform",
            "cache-dir": cache,
            "launcher": self.directory / "launcher",
            "layout-dir": self.root / "images",
            "run-image": f"{_REGISTRY}/run:{_TAG}",
            "previous-image": f"{_REGISTRY}/{options.previous or image}:{_TAG}",
        }
        words = [word for flag, value in flags.items() for word in (f"-{flag}", str(value))]
        switches = ["-layout", *(["-skip-restore"] if options.clear_cache else [])]
        environment = {
            "PATH": self.caller.get("PATH", os.defpath),
            "CNB_PLATFORM_API": self.platform_api,
            "CNB_USER_ID": str(owner.uid),
            "CNB_GROUP_ID": str(owner.gid),
            "CNB_EXPERIMENTAL_MODE": "warn",
            "CNB_REGISTRY_AUTH_KEYCHAIN_SKIP_AMAZON": "true",
            "CNB_REGISTRY_AUTH_KEYCHAIN_SKIP_AZURE": "true",
        }
        argv = (str(self.directory / "creator"), *switches, *words, f"{_REGISTRY}/{image}:{_TAG}")
        return Command(argv=argv, cwd=str(work), environment=environment)

    @contextlib.contextmanager
    def start(
        self, image: str, arguments: Sequence[str] = (), *, process: str = "", env: Mapping[str, str] | None = None
    ) -> Iterator[Started]:
        """Start a process of an image on this machine; it is stopped at the end. Raises LaunchFailed."""
        request = LaunchRequest(
            image=self.layout(image), process=process, arguments=tuple(arguments), env=dict(env or {})
        )
        with output_file() as written, written.open("wb") as opened, running(request, opened.fileno()) as process_:
            yield Started(process_, written)


def _diff_ids(layout: Path) -> set[str]:
    if not (layout / "index.json").exists():
        return set()
    return {blob.diff_id for blob in oci.read(layout, this_architecture()).layers}


def _fill(work: Path, pair: Pair, app: Path, buildpacks: Sequence[Path], options: Options) -> None:
    directories.copy_app(app, pair.app, set())
    for name in ("platform/env", "platform/bindings"):
        (work / name).mkdir(parents=True)
    for name, value in options.env.items():
        (work / "platform" / "env" / name).write_bytes(os.fsencode(value))
    for binding in options.bindings:
        shutil.copytree(binding, work / "platform" / "bindings" / binding.resolve().name)
    group = [read_buildpack(directory) for directory in buildpacks]
    for buildpack in group:
        directories.copy_readable(
            buildpack.directory, work / "buildpacks" / buildpack.directory_name / buildpack.version
        )
    (work / "order.toml").write_text(toml.dumps({"order": [{"group": [_element(b) for b in group]}]}), encoding="utf-8")


def _element(buildpack: Buildpack) -> dict[str, str]:
    return {"id": buildpack.id, "version": buildpack.version}
