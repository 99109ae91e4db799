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
from pathlib import Path
from typing import TYPE_CHECKING

from cnb_platform.platform_lifecycle import Lifecycle
from measure import apps
from measure.builds import Builder, Contender, EmbeddedBuilder, LifecycleBuilder, Sample
from measure.cases import CASES, packaged_cases, start_ups, virtual_cases
from measure.report import BASELINE, FLOOR, OURS, about_machine, document, table
from trial.prerequisites import Interpreters, make_archive, package

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
HERE = REPOSITORY / "benchmarks"
CACHE = REPOSITORY / ".cache" / "benchmarks"
PORT = 18923
_DATES = ("20250101", "20250202")
_DESCRIPTION = """\
Measure this buildpack and the baseline side by side, in one run, and print one table.
Both get the same interpreter, uv, platform and index; uv's cache is empty in each build. The machine should be idle.
"""


def main() -> int:
    """Run the benchmark and give the exit code."""
    arguments = _arguments()
    names = [*arguments.apps, *(["large"] if arguments.large else [])]
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=arguments.work) as scratch:
        root = Path(scratch)
        root.chmod(0o755)
        patched, contenders = _contenders(root, arguments.buildpack)
        uv = contenders[0].buildpack / "uv" / "uv"
        fetching = apps.Tools(uv, CACHE / "uv-cache", "")
        apps.fetch_wheels(fetching, names, CACHE / "wheels")
        with _index(CACHE / "wheels") as index:
            tools = apps.Tools(uv, root / "uv-cache", index)
            about = about_machine(contenders[0].builder.name, arguments.repeat)
            found: dict[str, dict[str, dict[str, list[Sample]]]] = {}
            starts: dict[str, dict[str, float]] = {}
            for name in names:
                found[name] = {}
                for case, who, sample in _samples(name, root, tools, contenders, patched, arguments):
                    found[name].setdefault(case, {}).setdefault(who, []).append(sample)
                    print(f"{name:6} {case:26} {who:12} {sample.whole:7.2f} s", file=sys.stderr, flush=True)
                app = apps.create(name, root / f"{name}-start", tools, packaged=False)
                starts[name] = start_ups(app, contenders[:2], arguments.repeat)
                _write(document(found, starts, about), arguments.output)
    print(table(document(found, starts, about)))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apps", nargs="*", default=["small", "F"], choices=["small", "F"])
    parser.add_argument(
        "--large", action="store_true", help="torch with its CUDA packages as well: about 5 GB, an hour"
    )
    parser.add_argument("--cases", nargs="*", default=CASES, choices=CASES, metavar="CASE")
    parser.add_argument("--repeat", type=int, default=5, help="builds of each case (default: 5)")
    parser.add_argument("--buildpack", type=Path, help="a packaged buildpack (default: package this checkout)")
    parser.add_argument("--work", default="/var/tmp", help="where to work; as large as six times the image")  # noqa: S108 (open to the build user)
    parser.add_argument("--output", type=Path, default=CACHE / "results.json", help="where the figures go, as JSON")
    return parser.parse_args()


def _samples(  # noqa: PLR0913, PLR0917 (what a run has)
    name: str,
    root: Path,
    tools: apps.Tools,
    contenders: list[Contender],
    patched: dict[str, str],
    arguments: argparse.Namespace,
) -> Iterator[tuple[str, str, Sample]]:
    app = apps.create(name, root / name, tools, packaged=False)
    yield from virtual_cases(app, contenders, patched, arguments.repeat, arguments.cases)
    for contender in contenders:
        contender.forget("app", "app")
    if CASES[-1] in arguments.cases:
        packaged = apps.create(name, root / f"{name}-packaged", tools, packaged=True)
        yield from packaged_cases(packaged, contenders, arguments.repeat)


def _contenders(root: Path, buildpack: Path | None) -> tuple[dict[str, str], list[Contender]]:
    """Give the settings for a later build of CPython, and the contenders: ours, the baseline, and the floor."""
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
    builder = _builder(root)
    return patched, [Contender(name=name, buildpack=path, builder=builder, env=env) for name, path in places]


def _builder(root: Path) -> Builder:
    directory = os.environ.get("CNB_LIFECYCLE_DIR")
    if directory:
        return LifecycleBuilder(Lifecycle(directory=Path(directory), root=root, caller={"PATH": "/usr/bin:/bin"}))
    return EmbeddedBuilder(root)


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
    _write({"builds": builds[:1]}, directory / "catalogue.json")
    _write({"builds": builds}, directory / "patched.json")
    return directory


@contextlib.contextmanager
def _index(wheels: Path) -> Iterator[str]:
    argv = [sys.executable, str(HERE / "measure" / "index.py"), str(wheels), str(PORT)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None  # noqa: S101 (it is a pipe)
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/simple"
        finally:
            server.terminate()


def _write(value: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
