"""What is moved, and what is left out, of a CPython installation."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from uv_buildpack.interpreter.relocation import (
    is_dropped,
    move_prefix,
    move_variables,
    read_variables,
    rewrite_json,
    rewrite_variables_json,
    write_variables,
)


@pytest.mark.parametrize(
    "path",
    [
        "bin/pip3.13",
        "bin/idle3",
        "bin/pydoc3.13",
        "bin/2to3-3.11",
        "lib/tcl8.6",
        "lib/tk9.0",
        "lib/libtcl9tk9.0.so",
        "lib/itcl4.2.4",
        "lib/thread2.8.9",
        "lib/python3.13/test",
        "lib/python3.13/unittest/test",
        "lib/python3.13/idlelib",
        "lib/python3.13/turtle.py",
        "lib/python3.13/ensurepip",
        "lib/python3.13/lib-dynload/_tkinter.cpython-313-x86_64-linux-gnu.so",
        "lib/python3.13/lib-dynload/_testcapi.cpython-313-x86_64-linux-gnu.so",
        "lib/python3.13/site-packages/pip",
        "lib/python3.13/site-packages/pip-25.0.dist-info",
        "lib/python3.13/site-packages/setuptools-80.0.dist-info",
        "lib/python3.13/config-3.13-x86_64-linux-gnu/libpython3.13.a",
        "lib/python3.13/config-3.13-x86_64-linux-gnu/python.o",
        "lib/python3.13/__pycache__",
        "lib/libpython3.13.a",
        "share/man/man1/python3.1",
        "share/terminfo",
    ],
)
def test_what_no_application_needs_is_dropped(path: str) -> None:
    assert is_dropped(PurePosixPath(path))


@pytest.mark.parametrize(
    "path",
    [
        "bin/python3.13",
        "bin/python3-config",
        "include/python3.13/Python.h",
        "lib/libpython3.13.so.1.0",
        "lib/pkgconfig/python-3.13.pc",
        "lib/carried/libssl.so.3",
        "lib/python3.13/os.py",
        "lib/python3.13/pydoc.py",
        "lib/python3.13/lib-dynload/_ssl.cpython-313-x86_64-linux-gnu.so",
        "lib/python3.13/config-3.13-x86_64-linux-gnu/Makefile",
        "lib/python3.13/site-packages/README.txt",
        "lib/python3.13/site-packages/numpy/tests",
        "lib/python3.13/unittest/__init__.py",
    ],
)
def test_what_an_application_or_a_build_may_need_stays(path: str) -> None:
    assert not is_dropped(PurePosixPath(path))


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("/install", "/layers/p"),
        ("/install/lib", "/layers/p/lib"),
        ("-L/install/lib -I/install/include", "-L/layers/p/lib -I/layers/p/include"),
        ("-Wl,-rpath,/install/lib", "-Wl,-rpath,/layers/p/lib"),
        ("'--prefix=/install' '--x'", "'--prefix=/layers/p' '--x'"),
        ("prefix=/install\nlibdir=/install/lib", "prefix=/layers/p\nlibdir=/layers/p/lib"),
        ("/usr/bin/install -c", "/usr/bin/install -c"),
        ("/installed", "/installed"),
        ("./install/lib", "./install/lib"),
    ],
)
def test_only_the_prefix_is_moved(text: str, moved: str) -> None:
    assert move_prefix(text, "/layers/p") == moved


def test_the_compiler_is_whatever_the_image_has() -> None:
    variables = {
        "CC": "clang -pthread",
        "CXX": "/tools/llvm/bin/clang++",
        "AR": "/tools/llvm/bin/llvm-ar",
        "LDSHARED": "aarch64-linux-gnu-gcc -shared -isysroot /sdk -L/install/lib",
        "LINKCC": "musl-clang",
        "BLDSHARED": "x86_64-linux-gnu-gcc -shared",
        "CFLAGS": "-O3 -I/install/include",
        "Py_GIL_DISABLED": 0,
    }
    assert move_variables(variables, "/p") == {
        "CC": "cc -pthread",
        "CXX": "c++",
        "AR": "ar",
        "LDSHARED": "cc -shared -L/p/lib",
        "LINKCC": "cc",
        "BLDSHARED": "cc -shared",
        "CFLAGS": "-O3 -I/p/include",
        "Py_GIL_DISABLED": 0,
    }


def test_extensions_are_compiled_without_the_directory_of_their_build() -> None:
    variables = {
        "CFLAGS": "-DNDEBUG -g -fwrapv -O3",
        "OPT": "-O3 -g",
        "LDFLAGS": "-L/a -ggdb3",
        "MACHDEP": "linux-g -gcc",
    }
    assert move_variables(variables, "/layers/python") == {
        "CFLAGS": "-DNDEBUG -fwrapv -O3",
        "OPT": "-O3 ",
        "LDFLAGS": "-L/a ",
        "MACHDEP": "linux-g -gcc",
    }


def test_variables_are_written_as_they_were_read(tmp_path: Path) -> None:
    path = tmp_path / "_sysconfigdata__linux_x86_64-linux-gnu.py"
    variables: dict[str, object] = {"b": "it's", "a": 1, "c": ""}
    write_variables(path, variables)
    assert read_variables(path) == variables
    text = path.read_text(encoding="utf-8")
    write_variables(path, dict(reversed(variables.items())))
    assert path.read_text(encoding="utf-8") == text


def test_a_file_without_variables_is_named(tmp_path: Path) -> None:
    path = tmp_path / "_sysconfigdata_x.py"
    path.write_text("import os\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no build_time_vars"):
        read_variables(path)


def test_the_json_files_of_3_14_are_moved(tmp_path: Path) -> None:
    details = tmp_path / "build-details.json"
    details.write_text(
        json.dumps({"base_prefix": "/install", "libpython": {"x": ["/install/lib", 1]}}), encoding="utf-8"
    )
    rewrite_json(details, lambda text: move_prefix(text, "/p"))
    assert json.loads(details.read_text(encoding="utf-8")) == {"base_prefix": "/p", "libpython": {"x": ["/p/lib", 1]}}
    variables = tmp_path / "_sysconfig_vars__linux.json"
    variables.write_text(json.dumps({"CC": "clang", "LIBDIR": "/install/lib"}), encoding="utf-8")
    rewrite_variables_json(variables, "/p")
    assert json.loads(variables.read_text(encoding="utf-8")) == {"CC": "cc", "LIBDIR": "/p/lib"}
