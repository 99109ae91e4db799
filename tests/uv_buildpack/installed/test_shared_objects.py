"""The reader of shared objects, against pyelftools on real ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from tests.uv_buildpack.installed.heavy.wheels import a_shared_object, make_object, shared_objects

from uv_buildpack.installed.shared_objects import needed, run_paths

if TYPE_CHECKING:
    from collections.abc import Iterator


_ATTRIBUTES = {"DT_RUNPATH": "runpath", "DT_RPATH": "rpath", "DT_NEEDED": "needed"}


def expected(path: Path, *kinds: str) -> Iterator[str]:
    with path.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".dynamic")
        assert isinstance(section, DynamicSection)
        for tag in section.iter_tags():
            if tag.entry.d_tag in kinds:
                yield from (entry for entry in str(getattr(tag, _ATTRIBUTES[tag.entry.d_tag])).split(":") if entry)


def test_real_objects_are_read_as_pyelftools_reads_them() -> None:
    paths = [Path(sys.executable).resolve(), *shared_objects()]
    runs = ("DT_RUNPATH", "DT_RPATH")
    assert {path: run_paths(path) for path in paths} == {path: tuple(expected(path, *runs)) for path in paths}
    assert {path: needed(path) for path in paths} == {path: tuple(expected(path, "DT_NEEDED")) for path in paths}
    assert any("libc.so.6" in needed(path) for path in paths)


@pytest.mark.parametrize("old", [False, True])
def test_run_paths_of_both_kinds_are_found(tmp_path: Path, *, old: bool) -> None:
    path = tmp_path / "libtorch.so"
    make_object(path, "$ORIGIN:$ORIGIN/../../nvidia/cublas/lib:/opt/lib", old=old)
    assert run_paths(path) == ("$ORIGIN", "$ORIGIN/../../nvidia/cublas/lib", "/opt/lib")
    assert run_paths(path) == tuple(expected(path, "DT_RUNPATH", "DT_RPATH"))


@pytest.mark.parametrize(
    "content", [b"", b"\x7fELF", b"#!/bin/sh\n", b"\x7fELF\x02\x01", b"\x7fELF\x01\x01" + bytes(60)]
)
def test_other_files_have_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.so").write_bytes(content)
    assert run_paths(tmp_path / "file.so") == ()


def test_a_damaged_object_has_none(tmp_path: Path) -> None:
    whole = a_shared_object().read_bytes()
    for length in (10, 63, 64, 100, 500):
        (tmp_path / "file.so").write_bytes(whole[:length])
        assert run_paths(tmp_path / "file.so") == ()
        assert needed(tmp_path / "file.so") == ()
