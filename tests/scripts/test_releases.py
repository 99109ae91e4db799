"""The data files that `scripts/refresh-releases` makes from what uv publishes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from releases.documents import cpython_document, uv_document, variables_document, written
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter.catalogue import load

DATA = Path(__file__).parents[2] / "src" / "uv_buildpack" / "data"
BASE = "https://github.com/astral-sh/python-build-standalone/releases/download"


def entry(date: str = "20260101", **other: Any) -> dict[str, Any]:  # noqa: ANN401 (as uv's table has them)
    return {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": 3,
        "minor": 13,
        "patch": 4,
        "prerelease": "",
        "url": f"{BASE}/{date}/cpython-3.13.4%2B{date}-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
        "sha256": "a" * 64,
        "variant": None,
        "build": date,
    } | other


def versions(*entries: dict[str, Any]) -> list[str]:
    table = {str(number): one for number, one in enumerate(entries)}
    return [build["version"] for build in cpython_document(table)["builds"]]


def test_an_entry_becomes_a_build_below_the_mirror() -> None:
    assert cpython_document({"x": entry()})["builds"] == [
        {
            "version": "3.13.4",
            "date": "20260101",
            "arch": "x86_64",
            "libc": "gnu",
            "variant": "default",
            "path": "20260101/cpython-3.13.4+20260101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz",
            "sha256": "a" * 64,
        }
    ]


def test_the_newest_build_of_a_version_is_kept() -> None:
    builds = cpython_document({"a": entry("20260101"), "b": entry("20260301"), "c": entry("20260201")})["builds"]
    assert [build["date"] for build in builds] == ["20260301"]


def test_builds_are_in_the_order_of_versions() -> None:
    assert versions(entry(patch=10), entry(patch=9), entry(minor=9), entry(minor=15, patch=0, prerelease="rc1")) == [
        "3.9.4",
        "3.13.9",
        "3.13.10",
        "3.15.0rc1",
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "pypy"},
        {"os": "darwin"},
        {"libc": "none"},
        {"arch": {"family": "x86_64", "variant": "v3"}},
        {"arch": {"family": "riscv64", "variant": None}},
        {"variant": "debug"},
        {"variant": "freethreaded+debug"},
        {"sha256": None},
        {"minor": 7},
        {"url": f"{BASE}/20260101/cpython-3.13.4%2B20260101-x86_64-unknown-linux-gnu-pgo%2Blto-full.tar.zst"},
        {"url": "https://elsewhere.test/cpython-3.13.4-install_only.tar.gz"},
    ],
)
def test_what_an_image_cannot_use_is_left_out(other: dict[str, Any]) -> None:
    assert versions(entry(**other)) == []


def test_uv_is_named_by_file_alone_for_each_machine_and_library() -> None:
    names = (
        "uv-1.0-py3-none-macosx_11_0_arm64.whl",
        "uv-1.0-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        "uv-1.0-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "uv-1.0-py3-none-musllinux_1_1_x86_64.whl",
        "uv-1.0-py3-none-win_amd64.whl",
    )
    wheels = [{"url": f"https://index.test/a/b/{name}", "hash": f"sha256:{'b' * 64}", "size": 7} for name in names]
    document = uv_document({"version": "1.0", "wheels": wheels})
    found = [(wheel["filename"], wheel["arch"], wheel["libc"]) for wheel in document["wheels"]]
    assert found == [
        (names[1], "aarch64", "gnu"),
        (names[1], "aarch64", "musl"),
        (names[2], "x86_64", "gnu"),
        (names[3], "x86_64", "musl"),
    ]
    assert "index.test" not in written(document)


def test_a_document_has_a_line_for_each_entry() -> None:
    text = written({"version": "1", "builds": [{"a": 1}, {"a": 2}]})
    assert json.loads(text) == {"version": "1", "builds": [{"a": 1}, {"a": 2}]}
    assert len(text.splitlines()) == 5


def test_the_committed_data_is_what_the_script_writes() -> None:
    for name in ("cpython.json", "uv.json"):
        text = (DATA / name).read_text(encoding="utf-8")
        assert written(json.loads(text)) == text
    assert (DATA / "cpython.json").stat().st_size < 300_000
    assert len(load(None, Network())) > 500


RUST = """
    /// The directory in which uv keeps its cache.
    #[attr_added_in("0.1.0")]
    pub const UV_CACHE_DIR: &'static str = "UV_CACHE_DIR";
    pub const UV_INTERNAL__TEST_DIR: &'static str = "UV_INTERNAL__TEST_DIR";
    pub const HTTP_PROXY: &'static str = "HTTP_PROXY";
    pub const UV_INDEX: &'static str = "UV_INDEX";
    // "UV_OF_A_COMMENT"
"""


def test_the_variables_of_uv_are_those_its_source_declares() -> None:
    assert variables_document("1.2.3", RUST) == {"version": "1.2.3", "variables": ["UV_CACHE_DIR", "UV_INDEX"]}


def test_the_variables_are_those_of_the_uv_that_is_carried() -> None:
    documents = [json.loads((DATA / name).read_text(encoding="utf-8")) for name in ("uv.json", "uv_variables.json")]
    assert documents[0]["version"] == documents[1]["version"]
    assert "UV_INDEX_URL" in documents[1]["variables"]
