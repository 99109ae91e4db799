"""Bytecode of the app directory, made by the interpreter that runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import cache_from_source, source_hash
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import InterpreterFailed, PythonUnusable
from uv_buildpack.layers import app_modules
from uv_buildpack.snapshots.file_format import Memory
from uv_buildpack.snapshots.policy import APP_MODULES, Snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = {
    "main.py": "import shop\n",
    "src/shop/__init__.py": "SETS = [{'226', '426'}, {'226', '426'}]\n\ndef f(x):\n    return x in {'226', '['}\n",
    "src/shop/template.py": "{{ name }} = 1 +\n",
}
COMPILED = {"main.py", "src/shop/__init__.py"}


@dataclass(slots=True)
class This:
    """The interpreter that runs the tests, as the compiler; `started` counts how often it was asked for."""

    identity: str = sys.version
    python: str = sys.executable
    started: int = 0
    missing: bool = False

    def interpreter(self) -> Path:
        """Return what compiles."""
        self.started += 1
        if self.missing:
            raise PythonUnusable("3.99.0", "nothing answers")
        return Path(self.python)


class Bench:
    """An app directory that each build gets afresh, and what builds leave for the next one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.app = root / "app"
        self.snapshots = root / "snapshots"
        self.snapshots.mkdir()
        self.builds = 0
        self.compiler = This()

    def build(self, files: Mapping[str, str] = FILES, *, policy: str = "auto") -> str:
        """Write the app, compile it, and return what was said of it: one line for each event."""
        if self.app.exists():
            self.app.rename(self.root / f"app-of-{self.builds}")
        plant(self.app, files)
        return self.compile(policy=policy)

    def compile(self, *, policy: str = "auto") -> str:
        """Compile the app that is there."""
        self.builds += 1
        scratch = self.root / f"scratch-{self.builds}"
        scratch.mkdir()
        directory = None if policy == "never" else self.snapshots
        store = Snapshots(directory=directory, policy=policy, before=Memory(keys={}, wanted={}))
        with capture_logs() as events:
            app_modules.contribute(self.app, self.compiler, store, scratch)
        with capture_logs():
            store.layers()
        return "\n".join(str(event["event"]) for event in events)

    def bytecode(self) -> dict[str, bytes]:
        """Return the bytecode in the app directory, by the path of its source."""
        found = {}
        for path in self.app.rglob("*.pyc"):
            source = path.parents[1] / f"{path.name.split('.')[0]}.py"
            assert path == Path(cache_from_source(source))
            found[str(source.relative_to(self.app))] = path.read_bytes()
        return found

    def kept(self) -> Path:
        """Return the snapshot."""
        return self.snapshots / f"{APP_MODULES}.snapshot"


def written(path: Path) -> tuple[int, int]:
    """Return which file it is, and when it was written: reading it changes neither."""
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_modules_have_bytecode_that_is_compared_with_their_source(bench: Bench) -> None:
    bench.build()
    found = bench.bytecode()
    assert set(found) == COMPILED
    for source, content in found.items():
        assert int.from_bytes(content[4:8], "little") == 0b11
        assert content[8:16] == source_hash((bench.app / source).read_bytes())


def test_the_interpreter_loads_it_and_code_knows_its_path(bench: Bench) -> None:
    bench.build()
    program = "import sys; sys.path.insert(0, 'src'); import main; print(main.shop.f.__code__.co_filename)"
    argv = [sys.executable, "-v", "-B", "-c", program]
    done = subprocess.run(argv, cwd=bench.app, capture_output=True, text=True, check=True)
    assert f"matches {bench.app / 'src/shop/__init__.py'}" in done.stderr
    assert done.stdout == f"{bench.app / 'src/shop/__init__.py'}\n"


@pytest.mark.parametrize(
    "place",
    [
        ".hidden/module.py",
        "a/.hidden.py",
        "a/__pycache__/module.py",
        "a/tests/test_a.py",
        "environment/lib/python3.13/site-packages/six.py",
        "frontend/node_modules/gyp/module.py",
        "module.txt",
    ],
)
def test_what_no_application_imports_is_left_out(bench: Bench, place: str) -> None:
    bench.build({**FILES, "environment/pyvenv.cfg": "", place: ""})
    assert set(bench.bytecode()) == COMPILED


def test_links_and_pipes_are_left_alone(bench: Bench, tmp_path: Path) -> None:
    plant(tmp_path / "elsewhere", {"module.py": ""})
    plant(bench.app, FILES)
    (bench.app / "linked.py").symlink_to(tmp_path / "elsewhere" / "module.py")
    (bench.app / "linked").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(bench.app / "pipe.py")
    bench.compile()
    assert set(bench.bytecode()) == COMPILED
    assert [path.name for path in (tmp_path / "elsewhere").iterdir()] == ["module.py"]


@pytest.mark.parametrize("name", [b"a.b.py", b"with space\nand line.py", b"caf\xe9.py", b"x" * 250 + b".py"])
def test_odd_names_are_no_trouble(bench: Bench, name: bytes) -> None:
    """The last one is too long for the name of its bytecode."""
    plant(bench.app, FILES)
    Path(os.fsdecode(os.fsencode(bench.app) + b"/" + name)).write_text("X = 1\n")
    said = bench.compile()
    again = bench.build()
    assert ("3 of them new" in said) == (len(name) < 250)
    assert "bytecode of 2 modules, 0 of them new" in again


def test_an_app_without_modules_needs_no_compiler(bench: Bench) -> None:
    assert bench.build({"pyproject.toml": ""}) == "bytecode of 0 modules, 0 of them new"
    assert bench.compiler.started == 0


def test_a_build_with_nothing_changed_needs_no_compiler(bench: Bench) -> None:
    bench.build()
    first, kept = bench.bytecode(), written(bench.kept())
    assert "bytecode of 2 modules, 0 of them new" in bench.build()
    assert bench.compiler.started == 1
    assert bench.bytecode() == first
    assert written(bench.kept()) == kept


def test_only_what_changed_is_compiled(bench: Bench) -> None:
    bench.build()
    edited = {**FILES, "main.py": "import shop\n\nX = 1\n"}
    assert "bytecode of 2 modules, 1 of them new" in bench.build(edited)
    warm = bench.bytecode()
    assert "bytecode of 2 modules, 2 of them new" in bench.build(edited, policy="never")
    assert bench.bytecode() == warm


def test_bytes_and_modes_are_those_of_a_build_from_nothing(bench: Bench) -> None:
    bench.build({**FILES, "main.py": ""})
    bench.build()
    warm = bench.bytecode()
    bench.build(policy="never")
    assert bench.bytecode() == warm
    caches = list(bench.app.rglob("__pycache__"))
    assert {path.stat().st_mode & 0o777 for path in caches} == {0o755}
    assert {file.stat().st_mode & 0o777 for path in caches for file in path.iterdir()} == {0o644}


def test_the_snapshot_holds_what_the_app_has_now(bench: Bench) -> None:
    bench.build({**FILES, "old.py": "X = 1\n"})
    bench.build()
    bench.compiler.python = "/bin/false"
    assert "are not compiled" in bench.build({**FILES, "old.py": "X = 1\n"})


def test_nothing_is_kept_where_nobody_wants_snapshots(bench: Bench) -> None:
    bench.build(policy="never")
    assert set(bench.bytecode()) == COMPILED
    assert list(bench.snapshots.iterdir()) == []


def test_a_damaged_snapshot_is_named_and_rebuilt(bench: Bench) -> None:
    bench.build()
    first, kept = bench.bytecode(), bench.kept().read_bytes()
    for place in (40, len(kept) - 9):
        bench.kept().write_bytes(kept[:place] + bytes([kept[place] ^ 1]) + kept[place + 1 :])
        said = bench.build()
        assert f"The snapshot {APP_MODULES}.snapshot cannot be used" in said
        assert "bytecode of 2 modules, 2 of them new" in said
        assert bench.bytecode() == first
    assert "0 of them new" in bench.build()


def test_another_compiler_believes_nothing(bench: Bench) -> None:
    bench.build()
    bench.compiler.identity += " patched"
    assert "bytecode of 2 modules, 2 of them new" in bench.build()
    assert "bytecode of 2 modules, 0 of them new" in bench.build()


def test_another_place_of_the_app_believes_nothing(bench: Bench) -> None:
    bench.build()
    bench.app = bench.app.with_name("workspace")
    assert "bytecode of 2 modules, 2 of them new" in bench.build()


def test_where_the_compiler_cannot_be_had_the_app_has_no_bytecode_whatever_is_known(bench: Bench) -> None:
    bench.build()
    bench.compiler.missing = True
    said = bench.build({**FILES, "new.py": ""})
    assert "Modules of the app are not compiled." in said
    assert bench.bytecode() == {}


def test_what_fails_to_compile_alone_changes_no_names(bench: Bench) -> None:
    bench.build()
    assert "bytecode of 2 modules, 0 of them new" in bench.build({**FILES, "broken.py": "1 +\n"})
    assert set(bench.bytecode()) == COMPILED


def test_a_source_that_does_not_compile_is_told_in_the_debug_log_only(bench: Bench) -> None:
    with capture_logs() as events:
        bench.build()
    assert events == []
    said = bench.build(policy="never")
    assert f"not compiled: {bench.app / 'src/shop/template.py'}: SyntaxError" in said


def test_what_cannot_be_read_is_named_in_a_warning(bench: Bench) -> None:
    plant(bench.app, FILES)
    user = os.geteuid()
    bench.app.chmod(0)
    (bench.root / "scratch-1").mkdir()
    os.seteuid(user or 65534)  # root may read everything
    try:
        with capture_logs() as events:
            store = Snapshots(directory=None, policy="never", before=Memory(keys={}, wanted={}))
            app_modules.contribute(bench.app, bench.compiler, store, bench.root / "scratch-1")
    finally:
        os.seteuid(user)
        bench.app.chmod(0o755)
    assert events[0]["event"] == "Sources of the app cannot be read: . (Permission denied)."


def test_where_nothing_can_be_written_nothing_is(bench: Bench, tmp_path: Path) -> None:
    plant(bench.app, FILES)
    (bench.app / "__pycache__").symlink_to(tmp_path / "snapshots")
    plant(bench.app, {"src/shop/__pycache__": "a file"})
    assert "bytecode of 0 modules, 0 of them new" in bench.compile()
    assert [path.name for path in bench.snapshots.iterdir() if path.suffix == ".pyc"] == []


def test_bytecode_that_is_linked_to_something_else_is_replaced(bench: Bench, tmp_path: Path) -> None:
    plant(tmp_path, {"other": "other", "third": "third"})
    plant(bench.app, {"a.py": "", "b.py": "", "__pycache__/x": ""})
    Path(cache_from_source(bench.app / "a.py")).hardlink_to(tmp_path / "other")
    Path(cache_from_source(bench.app / "b.py")).symlink_to(tmp_path / "third")
    assert "bytecode of 2 modules" in bench.compile()
    assert (tmp_path / "other").read_text() == "other"
    assert (tmp_path / "third").read_text() == "third"


def test_a_crash_of_the_compiler_leaves_the_app_without_bytecode_whatever_is_known(bench: Bench) -> None:
    bench.build()
    bench.compiler.python = "/bin/false"
    said = bench.build({**FILES, "new.py": ""})
    assert "Modules of the app are not compiled." in said
    assert bench.bytecode() == {}
    assert "Modules of the app are not compiled." in bench.build()


def test_a_compiler_that_was_killed_ends_the_build(bench: Bench) -> None:
    killed = bench.app.with_name("killed")
    killed.write_text("#!/bin/sh\nkill -9 $$\n", encoding="utf-8")
    killed.chmod(0o755)
    bench.compiler.python = str(killed)
    with pytest.raises(InterpreterFailed, match="exit status -9"):
        bench.build()


def test_a_module_that_cannot_be_written_for_lack_of_space_is_tried_again(bench: Bench) -> None:
    small = bench.app.with_name("small")
    small.write_text(f'#!/bin/sh\nulimit -f 0\nexec {sys.executable} "$@"\n', encoding="utf-8")
    small.chmod(0o755)
    bench.compiler.python = str(small)
    with pytest.raises(OSError, match="File too large"):
        bench.build()
    bench.compiler = This()
    assert "bytecode of 2 modules, 2 of them new" in bench.build()
