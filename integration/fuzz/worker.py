"""A process that runs some inputs: both phases up to the point where a build would act, and what a cache gives back."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import stat
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from integration.fuzz import inputs, values

from cnb.context import build_context
from uv_buildpack import decisions
from uv_buildpack.__main__ import main as run_phase
from uv_buildpack.analysis import analyse
from uv_buildpack.downloads import zstandard
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.policy import open_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
_SECONDS = 20
_MEMORY = 3 * 1024**3
_CRASHED = 2
_HEAVY = {"name": "x", "size": 1, "directories": ["x"], "strays": [], "reaches": []}


class TooSlow(Exception):
    """An input took longer than any may."""


def main() -> None:
    """Run the inputs `--first` … of a seed; write a line of JSON for each phase of each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    output = sys.stdout
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    signal.signal(signal.SIGALRM, _stop)
    with _valid_layers() as layers:
        for number in range(given.first, given.first + given.count):
            random = Random(f"{given.seed}/{number}")  # noqa: S311 (inputs, not secrets)
            for row in _run(random, layers):
                output.write(json.dumps({"number": number, **row}) + "\n")
    peak = _peak_of_this_program()
    output.write(json.dumps({"peak": peak}) + "\n")
    output.flush()


def _stop(_: int, __: object) -> None:
    raise TooSlow


@contextlib.contextmanager
def _valid_layers() -> Iterator[dict[str, dict[str, str]]]:
    """Return the metadata that a build of the valid app leaves: with them the next one recalls what was decided."""
    with _placed(None) as (root, environment):
        context = build_context((), environment, root / "app")
        analysis = analyse(context)
        sbom = hashlib.sha256(b"\0\0\0").hexdigest()
        packages = json.dumps(dict(analysis.decisions.packages))
        venv = {
            "inputs": analysis.inputs,
            "decisions": decisions.write(analysis.decisions),
            "packages": packages,
            "bundles": json.dumps([{"layer": "packages-x", "packages": [_HEAVY]}]),
            "build_environment": '{"CC": "0123"}',
            "scheme": "1",
            "sbom": sbom,
        }
        local = {
            "packages": '{"shop": {"path": ".", "editable": true}}',
            "links": '{"src/shop/_x.so": "lib/x"}',
            "sbom": sbom,
        }
    yield {
        "venv": venv,
        "venv-project": local,
        "python": {"version": "3.13.9", "sbom": sbom},
        "snapshots": {"scheme": "3"},
    }


@contextlib.contextmanager
def _placed(made: inputs.Input | None) -> Iterator[tuple[Path, dict[str, str]]]:
    """Write an input, or the valid one, go into its app, and return its root and the variables of a platform."""
    # One place for all: paths are in what was decided.
    root = Path(tempfile.gettempdir(), f"uv-buildpack-fuzz-{os.getpid()}")
    shutil.rmtree(root, ignore_errors=True)
    for name in ("app", "layers", "platform", "bin", "buildpack"):
        (root / name).mkdir(parents=True)
    shutil.copyfile(REPOSITORY / "buildpack.toml", root / "buildpack" / "buildpack.toml")
    (root / "bin" / "git").touch(mode=0o755)
    if made is None:
        made = inputs.Input()
        inputs.add_files(made)
    made.plant(root)
    before = Path.cwd()
    os.chdir(root / "app")
    try:
        yield (
            root,
            {
                "CNB_BUILDPACK_DIR": str(root / "buildpack"),
                "CNB_PLATFORM_DIR": str(root / "platform"),
                "CNB_LAYERS_DIR": str(root / "layers"),
                "CNB_BP_PLAN_PATH": str(root / "plan.toml"),
                "CNB_BUILD_PLAN_PATH": str(root / "plan-out.toml"),
                "CNB_TARGET_OS": "linux",
                "CNB_TARGET_ARCH": "amd64",
                "BP_PYTHON_CATALOGUE": str(root / "catalogue.json"),
                "PATH": str(root / "bin"),
                **made.variables,
            },
        )
    finally:
        os.chdir(before)
        shutil.rmtree(root, ignore_errors=True)


def _run(random: Random, layers: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    made = inputs.make(random, layers if random.random() < 0.5 else {})
    with _placed(made) as (root, environment):
        for phase in ("detect", "build"):
            yield {"phase": phase, "changes": made.changes, **_timed(lambda: _phase(phase, environment))}  # noqa: B023
        yield {"phase": "cache", "changes": ["forged snapshot"], **_timed(lambda: _cache(root, environment, random))}


def _timed(act: Callable[[], tuple[int, str]]) -> dict[str, Any]:
    begin = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        status, said = act()
    except BaseException:  # noqa: BLE001 (whatever an input provokes is what is looked for)
        status, said = _CRASHED, traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    if "ran out of memory" in said:
        status = _CRASHED
    return {"status": status, "said": said if status == _CRASHED else "", "seconds": round(time.monotonic() - begin, 3)}


def _phase(phase: str, environment: dict[str, str]) -> tuple[int, str]:
    output, errors = io.StringIO(), io.StringIO()
    before, argv = dict(os.environ), sys.argv
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["buildpack", phase]
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            return run_phase(), errors.getvalue()
    finally:
        sys.argv = argv
        os.environ.clear()
        os.environ.update(before)


def _cache(root: Path, environment: dict[str, str], random: Random) -> tuple[int, str]:
    """Run the buildpack on a cache that somebody else wrote, with right digests, and see that it stays inside."""
    shutil.rmtree(root / "layers")
    (root / "layers" / "snapshots").mkdir(parents=True)
    plan = root / "no-plan.toml"
    plan.touch()
    bindings = str(root / "none")
    given = {
        **environment,
        "CNB_BP_PLAN_PATH": str(plan),
        "SERVICE_BINDING_ROOT": bindings,
        "CNB_PLATFORM_DIR": bindings,
    }
    context = build_context((), given, root / "app")
    directory = root / "layers" / "snapshots"
    kinds = ("python", "venv", "app-modules", "wheels")
    for kind in kinds:
        (directory / f"{kind}.snapshot").write_bytes(_snapshot(kind, random))
    marker = values.changed({"keys": {"venv": "0"}, "wanted": {"venv": 3}}, random)
    (directory / "marker.json").write_bytes(values.damaged(values.json_text(marker).encode(), random))
    with contextlib.redirect_stdout(io.StringIO()):
        store = open_snapshots(context, "auto")
        for kind in kinds:
            target = root / "target" / kind
            target.mkdir(parents=True)
            with contextlib.suppress(OSError):  # such as a name that is too long: the warm build starts from nothing
                store.take(kind, target, {})
        store.note("venv", {}, hot=True)
    outside = [
        path for path in (root / "escaped", root / "target" / "escaped", Path("/escaped")) if os.path.lexists(path)
    ]
    return (_CRASHED, f"written outside: {outside}") if outside else (0, "")


def _snapshot(kind: str, random: Random) -> bytes:
    entries: Any = [
        ["bin", stat.S_IFDIR | 0o755, 0],
        ["bin/x", stat.S_IFREG | 0o755, 3],
        ["link", stat.S_IFLNK | 0o777, "bin"],
        ["../escaped" if random.random() < 0.3 else "y", stat.S_IFREG | 0o644, 1],
    ]
    if random.random() < 0.8:
        entries = values.changed(entries, random)
    payload = io.BytesIO()
    with zstandard.opened(payload, level=1) as stream:
        stream.write(values.json_text(entries).encode("utf-8", "replace") + b"\nabcd")
    packed = payload.getvalue() if random.random() < 0.9 else values.damaged(payload.getvalue(), random)
    header: Any = {
        "scheme": file_format.SCHEME,
        "kind": kind,
        "key": {"packages": "{}"},
        "digest": hashlib.sha256(packed).hexdigest(),
    }
    if random.random() < 0.3:
        header = values.changed(header, random)
    header = {**header, "seal": hashlib.sha256(json.dumps(header, sort_keys=True, default=str).encode()).hexdigest()}
    return values.json_text(dict(sorted(header.items()))).encode("utf-8", "replace") + b"\n" + packed


def _peak_of_this_program() -> float:
    """Return MiB. `ru_maxrss` would count the process that forked this one as well: it is kept across `exec`."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    main()
