"""Service bindings, as platforms mount them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cnb.bindings import read_bindings, read_entry
from cnb.documents import DocumentError

if TYPE_CHECKING:
    from pathlib import Path


def write(directory: Path, **files: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name).write_text(content)
    return directory


def test_a_missing_root_is_no_bindings(tmp_path: Path) -> None:
    assert read_bindings(tmp_path / "bindings") == ()


def test_a_binding_has_a_type_a_provider_and_entries(tmp_path: Path) -> None:
    directory = write(tmp_path / "index", type="UV\n", provider="vault\n", netrc="machine index.example\n")
    (binding,) = read_bindings(tmp_path)
    assert binding.name == "index"
    assert binding.type == "uv"
    assert binding.provider == "vault"
    assert binding.entries == {"netrc": directory / "netrc"}


def test_the_former_layout_is_read(tmp_path: Path) -> None:
    write(tmp_path / "index" / "metadata", kind="uv", provider="vault")
    secret = write(tmp_path / "index" / "secret", netrc="machine index.example\n")
    (binding,) = read_bindings(tmp_path)
    assert (binding.type, binding.provider) == ("uv", "vault")
    assert binding.entries == {"netrc": secret / "netrc"}


def test_the_former_layout_may_have_no_secret(tmp_path: Path) -> None:
    write(tmp_path / "index" / "metadata", kind="uv")
    (binding,) = read_bindings(tmp_path)
    assert binding.entries == {}


def test_a_directory_without_a_type_is_no_binding(tmp_path: Path) -> None:
    write(tmp_path / "stray", netrc="machine index.example\n")
    assert read_bindings(tmp_path) == ()


def test_links_of_a_mounted_secret_are_followed_and_its_own_directories_are_not_entries(tmp_path: Path) -> None:
    mounted = write(tmp_path / "index" / "..2024_01_01", type="uv", netrc="machine index.example\n")
    directory = mounted.parent
    (directory / "..data").symlink_to(mounted.name)
    for name in ("type", "netrc"):
        (directory / name).symlink_to(f"..data/{name}")
    (binding,) = read_bindings(tmp_path)
    assert binding.type == "uv"
    assert binding.entries == {"netrc": directory / "netrc"}
    assert binding.entries["netrc"].read_text() == "machine index.example\n"


def test_a_root_that_is_a_mounted_secret_itself_has_no_binding_named_data(tmp_path: Path) -> None:
    write(tmp_path / "..data", type="uv")
    assert read_bindings(tmp_path) == ()


def test_bindings_come_sorted_by_name(tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        write(tmp_path / name, type="uv")
    assert [binding.name for binding in read_bindings(tmp_path)] == ["a", "b", "c"]


def test_an_entry_that_is_no_text_is_named_and_not_quoted(tmp_path: Path) -> None:
    directory = write(tmp_path / "index", type="uv")
    (directory / "UV_INDEX_CORP_PASSWORD").write_bytes(
        "geheim\N{LATIN SMALL LETTER U WITH DIAERESIS}".encode("latin-1")
    )
    (binding,) = read_bindings(tmp_path)
    with pytest.raises(DocumentError) as raised:
        read_entry(binding.entries["UV_INDEX_CORP_PASSWORD"])
    assert str(raised.value) == f"{directory}/UV_INDEX_CORP_PASSWORD: expected text in UTF-8 (byte 6 is not)"
