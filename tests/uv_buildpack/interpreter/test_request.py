"""Requests for a version of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.errors import (
    Problem,
    Problems,
    PythonImplementationUnsupported,
    PythonRequestContradictory,
    PythonRequestInvalid,
    PythonVersionFileInvalid,
)
from uv_buildpack.interpreter.request import combine, parse, read_file

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "specifier"),
    [
        ("3", "==3.*"),
        ("3.13", "==3.13.*"),
        ("3.13.4", "==3.13.4"),
        (" 3.13 ", "==3.13.*"),
        ("313", "==3.13.*"),
        ("3.15.0rc1", "==3.15.0rc1"),
        (">=3.12,<3.14", "<3.14,>=3.12"),
        (">=3.12, <3.13", "<3.13,>=3.12"),
        ("==3.12.*", "==3.12.*"),
        ("~=3.12.1", "~=3.12.1"),
        ("cpython", ""),
        ("cpython@3.13", "==3.13.*"),
        ("CPython@3.13", "==3.13.*"),
        ("cpython3.13", "==3.13.*"),
        ("python3.13", "==3.13.*"),
        ("cpython>=3.12,<3.14", "<3.14,>=3.12"),
        ("cp313", "==3.13.*"),
        ("cpython-3.13", "==3.13.*"),
        ("cpython-3.13.4-linux-x86_64-gnu", "==3.13.4"),
        ("cpython-3.13-any-any-any", "==3.13.*"),
        ("any", ""),
        ("any-3.13-linux", "==3.13.*"),
        ("default-3.13", "==3.13.*"),
        ("python", ""),
        ("3.13+gil", "==3.13.*"),
    ],
)
def test_a_request_names_versions(text: str, specifier: str) -> None:
    request = parse(text, "BP_PYTHON_VERSION")
    assert (str(request.specifier), request.freethreaded) == (specifier, False)


@pytest.mark.parametrize("text", ["3.13t", "3.13+freethreaded", "cpython@3.13t", "cpython-3.13.4+freethreaded-linux"])
def test_a_request_names_the_variant(text: str) -> None:
    request = parse(text, "BP_PYTHON_VERSION")
    assert request.freethreaded


def test_a_complete_key_names_the_target() -> None:
    request = parse("cpython-3.13.4-linux-aarch64-musl", "BP_PYTHON_VERSION")
    assert (request.arch, request.libc) == ("aarch64", "musl")


@pytest.mark.parametrize("text", ["pypy", "pypy@3.10", "pypy3.10", "pp310", "graalpy-24.1", "pyodide"])
def test_another_implementation_is_refused(text: str) -> None:
    with pytest.raises(PythonImplementationUnsupported, match="not CPython"):
        parse(text, ".python-version, line 1")


@pytest.mark.parametrize(
    "text",
    ["latest", "system", "", "3.x", "3.13-dev", "./python", "/usr/bin/python3", "~/py", r"C:\Python", "3.13d", "=3.12",
     "cpython-3.13-macos-aarch64-none", "any3", "3.13+debug", "3.13.1.2", "===3.13.1", "miniconda3-latest",
     "\N{FULLWIDTH DIGIT THREE}.13", "cpython@3.13-linux"],
)  # fmt: skip
def test_what_is_no_version_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(PythonRequestInvalid) as caught:
        parse(text, ".python-version, line 3")
    assert ".python-version, line 3" in caught.value.what


def test_the_first_entry_of_the_file_decides(tmp_path: Path) -> None:
    file = tmp_path / ".python-version"
    file.write_text("# ours\n\n  3.12  # until June\n3.11\n", encoding="utf-8")
    request = read_file(file, "app/.python-version")
    assert (str(request.specifier), request.origin) == ("==3.12.*", "app/.python-version, line 3")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no version"),
        (b"\n# nothing\n", "no version"),
        (b"\xef\xbb\xbf3.13\n", "byte order mark"),
        (b"\xff\xfe3\x00.\x001\x003\x00", "not UTF-8"),
        (b"# ok\n3.13 \xe9\n", "not UTF-8"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / ".python-version"
    file.write_bytes(content)
    with pytest.raises(PythonVersionFileInvalid) as caught:
        read_file(file, ".python-version")
    assert said in caught.value.facts[0]
    assert ".python-version" in caught.value.what


def test_an_unusable_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".python-version"
    file.write_bytes(b"# ok\n3.13 \xe9\n")
    with pytest.raises(PythonVersionFileInvalid, match="line 2"):
        read_file(file, ".python-version")


def test_a_directory_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".python-version").mkdir()
    with pytest.raises(PythonVersionFileInvalid, match="cannot be used"):
        read_file(tmp_path / ".python-version", ".python-version")


def test_the_first_request_is_narrowed_by_every_requires_python() -> None:
    first, second = parse("3", "BP_PYTHON_VERSION"), parse("3.9", ".python-version, line 1")
    combined = combine([first, second], [(">=3.11", "pyproject.toml"), ("<3.14", "lib/pyproject.toml")])
    assert combined.origin == "BP_PYTHON_VERSION"
    assert str(combined.specifier) == "<3.14,==3.*,>=3.11"


def test_requires_python_alone_is_a_request() -> None:
    combined = combine([], [(">=3.11", "pyproject.toml"), (">=3.11", "lib/pyproject.toml")])
    assert (combined.text, combined.origin) == (">=3.11", "requires-python in pyproject.toml")


def test_nothing_asks_for_any_version() -> None:
    assert (combine([], []).text, combine([], []).origin) == ("any version", "no request")


@pytest.mark.parametrize(
    ("text", "required"),
    [("3.11", ">=3.12"), (">=3.12", "<3.12"), ("3.12.1", ">=3.12.2"), ("3.13.4", "==3.12.*"), ("3.15.0rc1", "<3.15")],
)
def test_a_contradiction_names_both_files(text: str, required: str) -> None:
    with pytest.raises(PythonRequestContradictory) as caught:
        combine([parse(text, ".python-version, line 1")], [(required, "pyproject.toml")])
    assert ".python-version" in caught.value.what
    assert "pyproject.toml" in caught.value.what


def test_two_members_that_contradict_each_other_are_named() -> None:
    with pytest.raises(PythonRequestContradictory) as caught:
        combine([], [(">=3.13", "a/pyproject.toml"), ("<3.13", "b/pyproject.toml")])
    assert "a/pyproject.toml" in caught.value.what
    assert "b/pyproject.toml" in caught.value.what


def test_a_prerelease_that_is_asked_for_meets_requires_python() -> None:
    assert combine([parse("3.15.0rc1", "x")], [(">=3.9", "pyproject.toml")]).specifier.contains("3.15.0rc1")


def test_requires_python_that_means_nothing_is_refused_with_its_file() -> None:
    with pytest.raises(Problems) as caught:
        combine([], [("3.12+", "pyproject.toml"), (">=x", "lib/pyproject.toml")])
    assert [isinstance(problem, Problem) for problem in caught.value.problems] == [True, True]
    assert "lib/pyproject.toml" in caught.value.problems[1].what
