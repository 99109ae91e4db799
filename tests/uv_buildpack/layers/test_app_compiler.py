"""Which interpreter compiles the app's modules, and what is kept of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from uv_buildpack.bytecode.compiling import compile_files
from uv_buildpack.interpreter.catalogue import CPythonBuild
from uv_buildpack.layers import app_compiler
from uv_buildpack.snapshots.file_format import Memory, sizes
from uv_buildpack.snapshots.policy import COMPILER, Snapshots

MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
KEY = {"interpreter": "this one"}


def build(version: str, variant: str = "default") -> CPythonBuild:
    return CPythonBuild(
        version=version, date="20261110", arch="x86_64", libc="gnu", variant=variant, path="a.tar.gz", sha256="0" * 64
    )


@pytest.mark.parametrize(
    ("wanted", "own"),
    [
        (build(f"{MINOR}.99"), True),
        (build("3.99.1"), False),
        (build("3.1.0"), False),
        (build(f"{MINOR}.99", "freethreaded"), False),
    ],
)
def test_the_buildpacks_own_interpreter_compiles_for_its_minor_only(wanted: CPythonBuild, *, own: bool) -> None:
    assert app_compiler.is_runtime(wanted) is own


@pytest.fixture
def store(tmp_path: Path) -> Snapshots:
    (tmp_path / "snapshots").mkdir()
    return Snapshots(directory=tmp_path / "snapshots", policy="auto", before=Memory(keys={}, wanted={}))


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The installation that the tests' environment was made from, which may be larger than those of releases."""
    monkeypatch.setattr(app_compiler, "LARGEST", 10 * app_compiler.LARGEST)
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def test_what_is_kept_compiles_to_the_same_bytes(store: Snapshots, python: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    app_compiler._keep(python, KEY, store, tmp_path / "scratch")
    assert store.directory is not None
    assert list(sizes(store.directory)) == [COMPILER]
    (tmp_path / "unpacked").mkdir()
    again = Snapshots(directory=store.directory, policy="auto", before=store.before)
    assert again.take(COMPILER, tmp_path / "unpacked", KEY)
    unpacked = tmp_path / "unpacked" / "bin" / python.name
    source = tmp_path / "module.py"
    source.write_text("SETS = [{'a', 'b'}, {'a', 'b'}]\ndef f(x):\n    return x in {'a', 'b'}\n", encoding="utf-8")
    for number, interpreter in enumerate((python, unpacked)):
        assert compile_files(interpreter, [source], "checked-hash", prefix=tmp_path / str(number)) == ()
    first, second = (list((tmp_path / str(number)).rglob("*.pyc")) for number in (0, 1))
    assert first[0].read_bytes() == second[0].read_bytes()


def test_what_is_kept_already_is_not_made_again(store: Snapshots, python: Path, tmp_path: Path) -> None:
    (tmp_path / "scratch").mkdir()
    app_compiler._keep(python, KEY, store, tmp_path / "scratch")
    again = Snapshots(directory=store.directory, policy="auto", before=store.before)
    with capture_logs() as events:
        app_compiler._keep(Path("/bin/false"), KEY, again, tmp_path / "scratch")
    assert events == []


def test_nothing_is_kept_where_nobody_wants_snapshots(python: Path, tmp_path: Path) -> None:
    nothing = Snapshots(directory=None, policy="never", before=Memory(keys={}, wanted={}))
    app_compiler._keep(python, KEY, nothing, tmp_path)
    assert list(tmp_path.iterdir()) == []
