"""Procfiles as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.errors import ProcfileInvalid
from uv_buildpack.processes.procfile import Entry, Procfile, read_procfile

if TYPE_CHECKING:
    from pathlib import Path


def read(directory: Path, content: bytes) -> Procfile:
    path = directory / "Procfile"
    path.write_bytes(content)
    return read_procfile(path, "Procfile")


def test_types_and_commands_are_read_in_order(tmp_path: Path) -> None:
    procfile = read(tmp_path, b"# what runs\n\nweb: gunicorn app:app\nmy_worker-2:celery -A app worker  \n")
    assert list(procfile.entries.items()) == [
        ("web", Entry("gunicorn app:app", 3)),
        ("my_worker-2", Entry("celery -A app worker", 4)),
    ]
    assert procfile.notes == ()


@pytest.mark.parametrize("ending", [b"\r\n", b"\r", b"\n"])
def test_line_endings_do_not_matter(tmp_path: Path, ending: bytes) -> None:
    procfile = read(tmp_path, ending.join([b"web: a", b"worker: b", b""]))
    assert {name: entry.command for name, entry in procfile.entries.items()} == {"web": "a", "worker": "b"}


def test_of_two_equal_types_the_last_counts(tmp_path: Path) -> None:
    procfile = read(tmp_path, b"web: a\nweb: b\n")
    assert procfile.entries == {"web": Entry("b", 2)}
    assert procfile.notes == ("Procfile line 1 has no effect: line 2 defines web again",)


def test_a_line_that_means_nothing_is_named(tmp_path: Path) -> None:
    procfile = read(tmp_path, b"web: a\nweb server: b\n")
    assert procfile.notes == ("Procfile line 2 is not `type: command` and has no effect: web server: b",)


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"\xef\xbb\xbfweb: a\n", "line 1: begins with a byte order mark"),
        ("web: a\n".encode("utf-16"), "line 1: begins with a byte order mark"),
        (b"web: a\nworker: \xe9\n", "line 2: not UTF-8 (byte 0xe9)"),
        (b"", "it has no lines but blank ones and comments"),
        (b"# web: a\n", "it has no lines but blank ones and comments"),
        (b"web:\n", "Procfile line 1 is not `type: command` and has no effect: web:"),
    ],
)
def test_a_procfile_that_cannot_be_used_is_an_error(tmp_path: Path, content: bytes, fact: str) -> None:
    with pytest.raises(ProcfileInvalid) as raised:
        read(tmp_path, content)
    assert raised.value.facts == (fact,)
