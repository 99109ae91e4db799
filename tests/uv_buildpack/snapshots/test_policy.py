"""What is kept for the next build, and brought back."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.contexts import context_for
from tests.uv_buildpack.fake_uv import fake_uv
from tests.uv_buildpack.trees import plant

from uv_buildpack.decisions import Decisions
from uv_buildpack.interpreter.catalogue import CPythonBuild
from uv_buildpack.project import selection
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.file_format import Memory
from uv_buildpack.snapshots.policy import Snapshots, open_snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BUILD = CPythonBuild(
    version="3.13.4", date="20251120", arch="x86_64", libc="gnu", variant="default", path="a.tar.gz", sha256="0" * 64
)
DECISIONS = Decisions(
    python=BUILD,
    python_reason="",
    choice=selection.Choice(members=("app",), extras=(), groups=()),
    packages={"docopt": "0.6.2 registry=https://index.example 0123"},
    sdists={"docopt": "uv.lock has no wheel"},
    local=(),
    files=(),
    sees={},
    places=(),
    dynamic=(),
    locked_python="",
)
KEY = {"python": "3.13.4", "target": "linux", "build_environment": ""}


def test_wheels_built_from_source_come_back_into_a_cache_that_the_check_of_the_lock_has_used(tmp_path: Path) -> None:
    uv = fake_uv(tmp_path, {"cache*": "exit 0"}).uv
    (tmp_path / "snapshots").mkdir()

    def build(cache: Path) -> list[str]:
        store = Snapshots(directory=tmp_path / "snapshots", policy="auto", before=Memory(keys={}, wanted={}))
        (cache / "sdists-v10").mkdir(parents=True)
        with store.built_wheels(uv, DECISIONS, KEY, cache):
            found = [path.name for path in cache.rglob("*.whl")]
            (cache / "sdists-v10").mkdir(exist_ok=True)
            (cache / "sdists-v10" / "docopt.whl").touch()
        return found

    assert build(tmp_path / "first") == []
    assert build(tmp_path / "second") == ["docopt.whl"]


@contextmanager
def of_somebody(root: Path) -> Iterator[None]:
    """Be the owner of a directory, who may not do everything as root may: root becomes nobody."""
    user = os.getuid()
    chosen = user or 65534
    for path in (root, *root.rglob("*")):
        os.chown(path, chosen, -1, follow_symlinks=False)
    os.setresuid(chosen, chosen, user)
    try:
        yield
    finally:
        os.setresuid(user, user, user)


@pytest.fixture
def root() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="uv-buildpack-"))
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("mode", [0, 0o555, 0o300])
def test_a_layer_that_came_back_without_rights_is_repaired(root: Path, mode: int) -> None:
    context = context_for(root, {})
    (context.layers_dir / "snapshots").mkdir()
    (context.layers_dir / "snapshots").chmod(mode)
    with of_somebody(root):
        store = open_snapshots(context, "auto")
        assert store.directory is not None
        (store.directory / "venv.snapshot").touch()


def test_a_layer_that_cannot_be_repaired_costs_the_snapshots_not_the_build(root: Path) -> None:
    context = context_for(root, {})
    # A directory of somebody else, in which nobody can write.
    (context.layers_dir / "snapshots").symlink_to("/proc/sys")
    with of_somebody(root), capture_logs() as events:
        store = open_snapshots(context, "auto")
        assert store.layers() == []
    assert "none are kept" in events[0]["event"]


@pytest.mark.parametrize("name", ["venv.snapshot", "python.snapshot", "marker.json"])
def test_what_code_of_packages_writes_into_the_snapshots_is_not_believed(tmp_path: Path, name: str) -> None:
    context = context_for(tmp_path, {})
    directory = context.layers_dir / "snapshots"
    plant(directory, {"venv.snapshot": "own", "wheels.snapshot": "own"})
    store = open_snapshots(context, "always")
    status = (directory / "venv.snapshot").stat()
    (directory / name).write_text("his", encoding="utf-8")
    os.utime(directory / name, ns=(status.st_atime_ns, status.st_mtime_ns))
    with capture_logs() as events:
        store.refuse_changes()
    assert [name in str(event["event"]) for event in events] == [True]
    assert not (directory / name).exists()
    assert (directory / "wheels.snapshot").exists()


def test_what_the_build_writes_itself_stays(tmp_path: Path) -> None:
    context = context_for(tmp_path, {})
    store = open_snapshots(context, "always")
    assert store.keep("venv", plant(tmp_path / "tree", {"x": "y"}), {"key": "value"})
    with capture_logs() as events:
        store.refuse_changes()
    assert events == []
    assert file_format.find(context.layers_dir / "snapshots", "venv") is not None


def test_what_the_build_writes_does_not_cover_what_others_wrote_before(tmp_path: Path) -> None:
    context = context_for(tmp_path, {})
    directory = context.layers_dir / "snapshots"
    plant(directory, {"wheels.snapshot": "own"})
    store = open_snapshots(context, "always")
    (directory / "wheels.snapshot").write_text("another", encoding="utf-8")
    store.keep("venv", plant(tmp_path / "tree", {"x": "y"}), {"key": "value"})
    with capture_logs():
        store.refuse_changes()
    assert not (directory / "wheels.snapshot").exists()
    assert file_format.find(directory, "venv") is not None


def test_a_wheel_that_was_built_in_another_environment_is_dropped(tmp_path: Path) -> None:
    fake = fake_uv(tmp_path, {"cache*": "exit 0"})
    (tmp_path / "snapshots").mkdir()

    def build(cache: str, identity: str) -> None:
        store = Snapshots(directory=tmp_path / "snapshots", policy="auto", before=Memory(keys={}, wanted={}))
        decided = replace(DECISIONS, packages={"docopt": identity}, sees={"docopt": ("*",)})
        with store.built_wheels(fake.uv, decided, KEY, tmp_path / cache):
            (tmp_path / cache).mkdir(exist_ok=True)
            (tmp_path / cache / "docopt.whl").touch()

    with capture_logs():
        build("first", "0.6.2 registry=x 01 aa")
        build("second", "0.6.2 registry=x 01 aa")
        build("third", "0.6.2 registry=x 01 bb")
    cleaned = [call.arguments for call in fake.calls() if call.arguments[:2] == ["cache", "clean"]]
    assert cleaned == [["cache", "clean", "docopt"]]


def kept(tmp_path: Path, policy: str = "auto", wanted: Mapping[str, int] | None = None) -> Snapshots:
    """Open snapshots whose limit for what is not asked for is below what `large` has."""
    (tmp_path / "snapshots").mkdir(exist_ok=True)
    before = Memory(keys={}, wanted=wanted or {})
    return Snapshots(directory=tmp_path / "snapshots", policy=policy, before=before)


def large(tmp_path: Path) -> Path:
    """Make a tree that does not become small when it is compressed."""
    tree = tmp_path / "tree"
    tree.mkdir(exist_ok=True)
    (tree / "file").write_bytes(random.Random(1).randbytes(50_000))  # noqa: S311 (no secret)
    return tree


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_format, "ALWAYS_BELOW", 10_000)


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize(
    ("policy", "kind", "wanted", "is_kept"),
    [
        ("auto", "venv", {}, False),
        ("auto", "venv", {"venv": 3}, True),
        ("always", "venv", {}, True),
        ("auto", "python", {}, False),
        ("auto", "python", {"python": 3}, True),
        ("always", "python", {}, True),
    ],
)
def test_what_is_large_is_kept_where_it_is_wanted(
    tmp_path: Path, policy: str, kind: str, wanted: dict[str, int], *, is_kept: bool
) -> None:
    snapshots = kept(tmp_path, policy, wanted)
    assert snapshots.keep(kind, large(tmp_path), KEY) is is_kept
    assert (tmp_path / "snapshots" / f"{kind}.snapshot").exists() is is_kept


@pytest.mark.usefixtures("small_limit")
@pytest.mark.parametrize(
    ("policy", "missed", "is_kept"), [("auto", False, False), ("auto", True, True), ("always", False, True)]
)
def test_a_large_environment_for_static_files_is_kept_where_it_was_missed(
    tmp_path: Path, policy: str, *, missed: bool, is_kept: bool
) -> None:
    kept(tmp_path, policy).keep_environment(large(tmp_path), KEY, missed=missed)
    assert (tmp_path / "snapshots" / "static-environment.snapshot").exists() is is_kept


def test_a_snapshot_with_an_equal_key_is_not_written_again(tmp_path: Path) -> None:
    assert kept(tmp_path).keep("venv", large(tmp_path), KEY)
    path = tmp_path / "snapshots" / "venv.snapshot"
    before = path.stat()
    assert kept(tmp_path).keep("venv", large(tmp_path), KEY)
    assert path.stat().st_ino == before.st_ino
    assert kept(tmp_path).keep("venv", large(tmp_path), {**KEY, "python": "3.13.5"})
    assert path.stat().st_ino != before.st_ino
