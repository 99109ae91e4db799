"""Bytecode, made with the interpreter that runs the tests."""

from __future__ import annotations

import errno
import json
import marshal
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from uv_buildpack import package_data
from uv_buildpack.bytecode.compiling import compile_files, compile_tree
from uv_buildpack.errors import InterpreterFailed

if TYPE_CHECKING:
    from types import CodeType

PYTHON = Path(sys.executable)
TAG = sys.implementation.cache_tag


def plant(directory: Path, **modules: str) -> list[Path]:
    files = []
    for name, source in modules.items():
        path = directory / f"{name}.py"
        path.write_text(source, encoding="utf-8")
        files.append(path)
    return files


def pyc(source: Path) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.{TAG}.pyc"


def flags(source: Path) -> int:
    return int.from_bytes(pyc(source).read_bytes()[4:8], "little")


def test_the_bytes_do_not_depend_on_order_or_number_of_processes(tmp_path: Path) -> None:
    library = Path(sysconfig.get_path("stdlib"))
    sources = [path.read_text(encoding="utf-8") for path in sorted(library.glob("[a-p]*.py"))[:60]]
    files = plant(tmp_path, **{f"m{number}": source for number, source in enumerate(sources)})
    compile_files(PYTHON, files, "unchecked-hash", jobs=1)
    first = [pyc(file).read_bytes() for file in files]
    compile_files(PYTHON, files[::-1], "unchecked-hash", jobs=3)
    assert first == [pyc(file).read_bytes() for file in files]


def test_equal_sets_are_written_the_same_after_their_strings_were_seen(tmp_path: Path) -> None:
    sets = "def a(x):\n    return x in {'226', '426'}\n\ndef b(x):\n    return x in {'226', '426'}\n"
    names = "X = ['226', '426']\n"
    small, first = plant(tmp_path, small=sets, first=names + "#" * 1000)
    compile_files(PYTHON, [small], "unchecked-hash")
    alone = pyc(small).read_bytes()
    compile_files(PYTHON, [small, first], "unchecked-hash", jobs=1)
    assert pyc(small).read_bytes() == alone


def test_a_file_is_written_the_same_after_one_that_does_not_compile(tmp_path: Path) -> None:
    small, wrong = plant(tmp_path, small="X = '['\nY = ']'\n", wrong="print 'x'\n" + "#" * 1000)
    compile_files(PYTHON, [small], "unchecked-hash")
    alone = pyc(small).read_bytes()
    assert compile_files(PYTHON, [small, wrong], "unchecked-hash", jobs=1)
    assert pyc(small).read_bytes() == alone


@pytest.mark.parametrize(("mode", "expected"), [("unchecked-hash", 0b01), ("checked-hash", 0b11)])
def test_the_mode_is_that_of_pep_552(tmp_path: Path, mode: str, expected: int) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    compile_files(PYTHON, [source], "checked-hash" if mode == "checked-hash" else "unchecked-hash")
    assert flags(source) == expected


def test_the_interpreter_loads_it_without_looking_at_the_source(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 'old'\n")
    assert compile_tree(PYTHON, tmp_path) == ()
    source.write_text("X = 'new'\n", encoding="utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import module; print(module.X)"
    done = subprocess.run([PYTHON, "-I", "-B", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "old\n"


def test_code_knows_the_path_of_run_time(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="def f(): pass\n")
    compile_tree(PYTHON, tmp_path)
    code: CodeType = marshal.loads(pyc(source).read_bytes()[16:])  # noqa: S302 (our own)
    assert code.co_filename == str(source)


def test_a_source_that_does_not_compile_is_given_and_holds_nothing_up(tmp_path: Path) -> None:
    good, bad = plant(tmp_path, good="X = 1\n", bad="print 'x'\n")
    binary = tmp_path / "b.py"
    binary.write_bytes(b"X = '\xe9'\n")
    failures = compile_files(PYTHON, [good, bad, binary], "unchecked-hash")
    assert [(failure.path.name, failure.reason.split(":")[0]) for failure in failures] == [
        ("b.py", "SyntaxError"),
        ("bad.py", "SyntaxError"),
    ]
    assert pyc(good).is_file()
    assert not pyc(bad).exists()


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    before = os.umask(0o077)
    try:
        compile_tree(PYTHON, tmp_path)
    finally:
        os.umask(before)
    assert [pyc(source).stat().st_mode & 0o777, pyc(source).parent.stat().st_mode & 0o777] == [0o644, 0o755]


def test_bytecode_that_is_shared_with_a_cache_is_replaced_not_overwritten(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    cached = tmp_path / "cached"
    cached.write_bytes(b"of others")
    pyc(source).parent.mkdir()
    pyc(source).hardlink_to(cached)
    compile_tree(PYTHON, tmp_path)
    assert cached.read_bytes() == b"of others"
    assert pyc(source).read_bytes() != b"of others"


def test_links_are_not_compiled_twice(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    (tmp_path / "link.py").symlink_to(source)
    compile_tree(PYTHON, tmp_path)
    assert [path.name for path in (tmp_path / "__pycache__").iterdir()] == [pyc(source).name]


def test_nothing_to_compile_starts_nothing(tmp_path: Path) -> None:
    assert compile_tree(tmp_path / "no-python", tmp_path) == ()


def test_an_interpreter_that_fails_is_said(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\ncat >/dev/null\necho 'no memory' >&2\nexit 137\n", encoding="utf-8")
    python.chmod(0o755)
    with pytest.raises(InterpreterFailed, match=r"compile bytecode \(exit status 137\)") as caught:
        compile_files(python, [source], "unchecked-hash")
    assert caught.value.facts == ("no memory",)


def limited(directory: Path, limit: str) -> Path:
    """Return an interpreter whose machine has not enough of something."""
    python = directory / "limited-python"
    python.write_text(f'#!/bin/sh\n{limit}\nexec {PYTHON} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return python


def test_what_cannot_be_written_for_lack_of_space_ends_the_build_and_leaves_no_partial_file(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    with pytest.raises(OSError, match="File too large") as caught:
        compile_files(limited(tmp_path, "ulimit -f 0"), [source], "unchecked-hash")
    assert caught.value.errno == errno.EFBIG
    assert caught.value.filename == str(source)
    assert list((tmp_path / "__pycache__").iterdir()) == []


def test_a_source_that_is_gone_is_not_one_that_does_not_compile(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    order = {"checked": False, "prefix": None, "files": [str(source), str(tmp_path / "gone.py")]}
    program = package_data.read("compile_worker.py")
    done = subprocess.run(
        [PYTHON, "-S", "-c", program], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    assert done.returncode == 74
    assert json.loads(done.stdout) == [str(tmp_path / "gone.py"), "No such file or directory", errno.ENOENT]


def test_memory_that_a_source_alone_would_need_is_the_fault_of_that_source(tmp_path: Path) -> None:
    deep = "-" * 100_000 + "1\n"
    source, good = plant(tmp_path, deep=deep, good="X = 1\n")
    (failure,) = compile_files(PYTHON, [source, good], "unchecked-hash", jobs=1)
    assert failure.path == source
    assert failure.reason.partition(":")[0] in {"MemoryError", "RecursionError", "SyntaxError"}
    assert pyc(good).is_file()


def test_memory_that_the_machine_has_not_ends_the_build(tmp_path: Path) -> None:
    source, _ = plant(tmp_path, large="X = [" + "1.5, 2.5, " * 3_000_000 + "]\n", good="X = 1\n")
    with pytest.raises(OSError, match="Cannot allocate memory") as caught:
        compile_files(limited(tmp_path, "ulimit -v 150000"), [source], "unchecked-hash")
    assert caught.value.errno == errno.ENOMEM


def test_a_module_whose_bytecode_can_have_no_name_does_not_compile(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, **{"m" * 250: "X = 1\n"})
    (failure,) = compile_files(PYTHON, [source], "unchecked-hash")
    assert "File name too long" in failure.reason


def test_an_interpreter_that_is_not_there_is_said(tmp_path: Path) -> None:
    (source,) = plant(tmp_path, module="X = 1\n")
    with pytest.raises(InterpreterFailed):
        compile_files(tmp_path / "python", [source], "unchecked-hash")
