"""The command line of `benchmarks/run`."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from base_image.root_file_system import CannotBootstrap, Kind, write_layout
from checks.platforms import docker_reason
from cnb_platform.errors import PlatformError
from cnb_platform.platform_lifecycle import Lifecycle
from measure import apps, cases, goals, parts, results, start_up
from measure.builds import Builder, Contender, EmbeddedBuilder, LifecycleBuilder
from measure.measurements import ALONE, APPS, BASELINE, COLD, FLOOR, MEASUREMENTS, OURS, PACKAGED, START, TAG
from measure.report import table
from trial.prerequisites import Interpreters, make_archive, package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = REPOSITORY / "benchmarks"
CACHE = REPOSITORY / ".cache" / "benchmarks"
_DATES = ("20250101", "20250202")
_DESCRIPTION = """\
Measure this buildpack and the baseline side by side, in one run, and print one table.
Both get the same interpreter, uv, platform and index; uv's cache is empty in each build. The machine should be idle.
What a run measured replaces the same cases in the output; others stay, each with the machine it was measured on.
"""


def main() -> int:
    """Run the benchmark and return the exit code."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=arguments.work) as scratch:
        root = Path(scratch)
        root.chmod(0o755)
        run_image = _run_image()
        patched, contenders = _contenders(root, arguments.buildpack, run_image)
        uv = contenders[0].buildpack / "uv" / "uv"
        apps.fetch_wheels(apps.Tools(uv, CACHE / "uv-cache", ""), arguments.apps, CACHE / "wheels")
        with _index(CACHE / "wheels") as index:
            run = _Run(
                root=root,
                tools=apps.Tools(uv, root / "uv-cache", index),
                contenders=contenders,
                patched=patched,
                run_image=run_image,
                repeat=arguments.repeat,
                wanted=arguments.cases,
            )
            about = results.about_machine(contenders[0].builder.name)
            for name in arguments.apps:
                for measurement, samples, more in run.measure(name):
                    results.record(arguments.output, name, measurement, about | more, samples)
                    print(f"{name}: {measurement}", file=sys.stderr, flush=True)
    found = results.read(arguments.output)
    print(f"{table(found)}\n{goals.table(found)}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--apps", nargs="+", default=["small", "F"], choices=APPS, help="default: small F; large takes hours"
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        default=MEASUREMENTS,
        choices=MEASUREMENTS,
        metavar="CASE",
        help=f"default: all: {', '.join(MEASUREMENTS)}",
    )
    parser.add_argument("--repeat", type=int, default=5, help="builds of each case (default: 5)")
    parser.add_argument("--buildpack", type=Path, help="a packaged buildpack (default: package this checkout)")
    parser.add_argument("--work", default="/var/tmp", help="where to work; as large as eight times the image")  # noqa: S108 (open to the build user)
    parser.add_argument("--output", type=Path, default=CACHE / "results.json", help="where the figures go, as JSON")
    return parser.parse_args()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What all applications of a run are built with."""

    root: Path
    tools: apps.Tools
    contenders: list[Contender]
    patched: dict[str, str]
    run_image: Path | None
    repeat: int
    wanted: list[str]

    def measure(self, name: str) -> Iterator[tuple[str, Mapping[str, Sequence[Mapping[str, Any]]], dict[str, str]]]:
        """Return each measurement when it is complete: its name, its samples, and what is to be said of it."""
        app = apps.create(name, self.root / name, self.tools, packaged=False)
        if set(self.wanted) - {ALONE, TAG, PACKAGED}:
            for case, samples in self._on_one_image(app):
                if case in self.wanted:
                    yield case, _documents(samples), {}
            if START in self.wanted:
                yield from self._start_up()
            self._forget()
        if ALONE in self.wanted:
            interpreters = self.root / "interpreters"
            bench = parts.Bench(app=app, interpreters=interpreters, uv=self.tools.uv, directory=self.root / "parts")
            yield ALONE, {ALONE: parts.measure(bench, self.repeat)}, {}
        if TAG in self.wanted:
            yield TAG, _documents(cases.new_tags(app, self.contenders, self.repeat)), {}
        if PACKAGED in self.wanted:
            packaged = apps.create(name, self.root / f"{name}-packaged", self.tools, packaged=True)
            yield PACKAGED, _documents(cases.packaged(packaged, self.contenders, self.repeat)), {}

    def _on_one_image(self, app: apps.App) -> Iterator[tuple[str, cases.Samples]]:
        yield COLD, cases.cold(app, self.contenders, self.repeat if COLD in self.wanted else 1)
        yield from cases.changes(app, self.contenders, self.patched, self.repeat, self.wanted)

    def _start_up(self) -> Iterator[tuple[str, Mapping[str, Sequence[Mapping[str, Any]]], dict[str, str]]]:
        self.contenders[0].builder.clear()
        place = start_up.CONTAINER if self.run_image else start_up.HOST
        try:
            yield START, start_up.measure(self.contenders[:2], cases.IMAGE, self.repeat, place), {"place": place}
        except (start_up.ImportFailed, PlatformError) as error:
            # What comes after it, for an hour or more, is not lost for that.
            print(f"start-up was not measured: {error}", file=sys.stderr, flush=True)

    def _forget(self) -> None:
        for contender in self.contenders:
            contender.builder.clear()
            contender.forget(cases.IMAGE, cases.IMAGE)


def _documents(samples: cases.Samples) -> dict[str, list[dict[str, Any]]]:
    return {who: [asdict(sample) for sample in rows] for who, rows in samples.items()}


def _contenders(root: Path, buildpack: Path | None, run_image: Path | None) -> tuple[dict[str, str], list[Contender]]:
    """Return the settings for a later build of CPython, and the contenders: ours, the baseline, and the floor."""
    interpreters = _interpreters()
    ours = root / "buildpack"
    made = buildpack or package(Interpreters(CACHE / "interpreters"), root / "dist")
    shutil.copytree(made, ours, symlinks=True)
    baseline = root / "baseline"
    shutil.copytree(HERE / "baseline", baseline)
    for part in ("runtime", "uv"):
        shutil.copytree(ours / part, baseline / part, symlinks=True)
    shutil.copytree(interpreters, root / "interpreters")
    mirror = {"BP_PYTHON_MIRROR": f"file://{root}/interpreters"}
    env = {**mirror, "BP_PYTHON_CATALOGUE": f"{root}/interpreters/catalogue.json"}
    patched = {**mirror, "BP_PYTHON_CATALOGUE": f"{root}/interpreters/patched.json"}
    places = ((OURS, ours), (BASELINE, baseline), (FLOOR, HERE / "floor"))
    builder = _builder(root, run_image)
    return patched, [Contender(name=name, buildpack=path, builder=builder, env=env) for name, path in places]


def _run_image() -> Path | None:
    """Make a run image, if containers can be started here: that of the tests, and what wheels expect of a system."""
    layout = CACHE / "run-image"
    reason = docker_reason()
    try:
        if not reason and not (layout / "index.json").is_file():
            write_layout(Kind("run", ("libstdc++6",)), layout)
    except CannotBootstrap as error:
        reason = str(error)
    if reason:
        print(f"no containers, start-up is measured on the host: {reason}", file=sys.stderr)
    return None if reason else layout


def _builder(root: Path, run_image: Path | None) -> Builder:
    directory = os.environ.get("CNB_LIFECYCLE_DIR")
    if directory:
        caller = {"PATH": "/usr/bin:/bin"}
        platform = Lifecycle(directory=Path(directory), root=root, caller=caller, run_image=run_image)
        return LifecycleBuilder(platform)
    return EmbeddedBuilder(root, run_image)


def _interpreters() -> Path:
    """Make an archive of this interpreter, and a second catalogue in which it has a later build."""
    directory = CACHE / "interpreters"
    if (directory / "patched.json").is_file():
        return directory
    shutil.rmtree(directory, ignore_errors=True)
    make_archive([Path(getattr(sys, "_base_executable", sys.executable)).resolve()], directory)
    catalogue = json.loads((directory / "catalogue.json").read_text(encoding="utf-8"))
    (entry,) = catalogue["builds"]
    builds = [{**entry, "date": date, "path": f"{date}/{Path(entry['path']).name}"} for date in _DATES]
    for build in builds:
        (directory / build["path"]).parent.mkdir()
        shutil.copy(directory / entry["path"], directory / build["path"])
    for name, listed in (("catalogue.json", builds[:1]), ("patched.json", builds)):
        (directory / name).write_text(json.dumps({"builds": listed}, indent=1), encoding="utf-8")
    return directory


@contextlib.contextmanager
def _index(wheels: Path) -> Iterator[str]:
    argv = [sys.executable, str(HERE / "measure" / "index.py"), str(wheels)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 (it is a pipe)
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/simple"
        finally:
            server.terminate()
