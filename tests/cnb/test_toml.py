"""TOML documents and their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnb import toml

if TYPE_CHECKING:
    from pathlib import Path


def test_a_document_survives_being_written_and_read(tmp_path: Path) -> None:
    document = {"text": 'a "b" ü\n', "list": [1, True], "table": {"key": "value"}}
    toml.dump(tmp_path / "a.toml", document)
    assert toml.load(tmp_path / "a.toml") == document


def test_an_error_names_the_file_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("ok = 1\nbroken\n")
    with pytest.raises(toml.TOMLError, match=r"a\.toml: .*line 2"):
        toml.load(tmp_path / "a.toml")


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'a = "\xff"')
    with pytest.raises(toml.TOMLError, match=r"a\.toml: not UTF-8 \(byte 5\)"):
        toml.load(tmp_path / "a.toml")


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        toml.load(tmp_path / "a.toml")
