"""CPython, installed from archives whose interpreter is a script that says what an interpreter would say."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from uv_buildpack import disk
from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import ChecksumMismatch, DiskFull, PythonUnusable
from uv_buildpack.interpreter import installation
from uv_buildpack.interpreter.catalogue import CPythonBuild, program
from uv_buildpack.interpreter.installation import address, install

if TYPE_CHECKING:
    from pathlib import Path

NAME = "cpython-3.13.4+20260101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
SAYS = """#!/bin/sh
here=$(CDPATH= cd -- "$(dirname "$0")/.." && pwd)
printf '%s\\n' 3.13.4 "$here" "$here/lib" default x86_64
"""
FILES = {
    "bin/python3.13": SAYS,
    "bin/pip3.13": "#!/install/bin/python3.13\n",
    "bin/python3.13-config": "#!/bin/sh\nprefix='/install'\n",
    "include/python3.13/Python.h": "",
    "lib/libpython3.13.so.1.0": "",
    "lib/pkgconfig/python-3.13.pc": "prefix=/install\n",
    "lib/python3.13/os.py": "",
    "lib/python3.13/test/test_os.py": "",
    "lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py": "build_time_vars = {'CC': 'clang', 'X': '/install'}\n",
    "lib/python3.13/build-details.json": '{"base_prefix": "/install"}\n',
    "lib/tk9.0/tk.tcl": "",
}


def mirror(directory: Path, files: dict[str, str] = FILES) -> CPythonBuild:
    """Write a mirror with one build."""
    archive = directory / "mirror" / "20260101" / NAME
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"python/{name}")
            entry.size, entry.mode = len(text.encode()), 0o755 if name.startswith("bin/") else 0o644
            tar.addfile(entry, io.BytesIO(text.encode()))
    return CPythonBuild(
        version="3.13.4",
        date="20260101",
        arch="x86_64",
        libc="gnu",
        variant="default",
        path=f"20260101/{NAME}",
        sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
    )


def made(directory: Path, build: CPythonBuild) -> Path:
    layer = directory / "layers" / "python"
    layer.mkdir(parents=True)
    install(build, layer, mirror=(directory / "mirror").as_uri(), network=Network())
    return layer


def test_the_layer_is_moved_pruned_and_linked(tmp_path: Path) -> None:
    layer = made(tmp_path, mirror(tmp_path))
    assert sorted(str(path.relative_to(layer)) for path in layer.rglob("*") if not path.is_dir()) == [
        "bin/python",
        "bin/python3",
        "bin/python3.13",
        "bin/python3.13-config",
        "include/python3.13/Python.h",
        "lib/libpython3.13.so.1.0",
        "lib/pkgconfig/python-3.13.pc",
        "lib/python3.13/EXTERNALLY-MANAGED",
        "lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py",
        "lib/python3.13/build-details.json",
        "lib/python3.13/os.py",
    ]
    texts = [path.read_text(encoding="utf-8") for path in layer.rglob("*") if path.is_file()]
    assert not any("/install" in text or "clang" in text for text in texts)
    assert (layer / "bin/python").readlink().name == "python3.13"
    assert not list(layer.parent.glob(".python*"))


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        layer = made(tmp_path, mirror(tmp_path))
    finally:
        os.umask(before)
    modes = {oct(path.stat().st_mode & 0o777) for path in layer.rglob("*") if not path.is_symlink()}
    assert modes == {"0o755", "0o644"}


def test_a_mirror_is_never_used_silently(tmp_path: Path) -> None:
    with capture_logs() as events:
        made(tmp_path, mirror(tmp_path))
    assert any(f"mirror {(tmp_path / 'mirror').as_uri()}" in str(event["event"]) for event in events)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (SAYS.replace("3.13.4", "3.13.3"), "3.13.3"),
        (SAYS.replace("default", "freethreaded"), "freethreaded"),
        (SAYS.replace('"$here"', "/usr"), "/usr"),
        ("#!/bin/sh\necho 'libssl.so.3: cannot open shared object file' >&2\nexit 127\n", "libssl.so.3"),
        ("#!/no/such/loader\n", "No such file"),
    ],
)
def test_an_interpreter_that_is_not_what_it_should_be_is_refused(tmp_path: Path, script: str, said: str) -> None:
    build = mirror(tmp_path, {**FILES, "bin/python3.13": script})
    with pytest.raises(PythonUnusable) as caught:
        made(tmp_path, build)
    assert said in "\n".join(caught.value.facts)


@pytest.mark.parametrize(
    "root", [{}, {"README": ""}, {name.replace("python3.13", "python3.12"): text for name, text in FILES.items()}]
)
def test_an_archive_without_the_interpreter_says_so(tmp_path: Path, root: dict[str, str]) -> None:
    with pytest.raises(PythonUnusable) as caught:
        made(tmp_path, mirror(tmp_path, root))
    assert caught.value.facts == ("There is no bin/python3.13 in the archive.",)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py", "build_time_vars = {"),
        ("lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py", "build_time_vars = {1: 2, 'a': f()}"),
        ("lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py", "build_time_vars = {1: 2, 'a': 3}"),
        ("lib/python3.13/_sysconfigdata__linux_x86_64-linux-gnu.py/x", ""),
        ("lib/python3.13/_sysconfig_vars_x.json", "[]"),
        ("lib/python3.13/build-details.json", "["),
        ("lib/python3.13/build-details.json", "[" * 50_000),
    ],
)
def test_an_archive_whose_variables_cannot_be_read_is_named(tmp_path: Path, name: str, text: str) -> None:
    files = {place: content for place, content in FILES.items() if not name.startswith(place)}
    with pytest.raises(PythonUnusable) as caught:
        made(tmp_path, mirror(tmp_path, {**files, name: text}))
    assert caught.value.facts[0].startswith("Its build-time variables cannot be read: ")


def test_an_interpreter_that_does_not_answer_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "_SECONDS_TO_START", 0.5)
    with pytest.raises(PythonUnusable) as caught:
        made(tmp_path, mirror(tmp_path, {**FILES, "bin/python3.13": "#!/bin/sh\nsleep 60\n"}))
    assert "no answer within 0.5 s" in caught.value.facts[0]


def test_another_archive_than_that_of_the_catalogue_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChecksumMismatch):
        made(tmp_path, replace(mirror(tmp_path), sha256="0" * 64))
    assert not list((tmp_path / "layers").glob(".python*"))


def test_the_address_is_that_of_the_releases_or_of_the_mirror() -> None:
    build = CPythonBuild(
        version="3.13.4", date="20260101", arch="x86_64", libc="gnu", variant="default", path=f"1/{NAME}", sha256=""
    )
    assert address(build).startswith("https://github.com/astral-sh/python-build-standalone/releases/download/1/cpython")
    assert address(build, "file:///m/") == f"file:///m/1/{NAME.replace('+', '%2B')}"


def test_a_free_threaded_interpreter_has_its_own_name(tmp_path: Path) -> None:
    build = replace(mirror(tmp_path), variant="freethreaded")
    assert program(tmp_path, build) == tmp_path / "bin" / "python3.13t"


def test_a_full_disk_is_said() -> None:
    with (
        pytest.raises(DiskFull, match="Making the layer python: no space left"),
        disk.full_is_said("making the layer python"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), disk.full_is_said("making the layer python"):
        raise PermissionError(errno.EACCES, "Permission denied")
