"""App slices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cnb_platform.environment import Place
from cnb_platform.slices import app_layers, glob_expression
from cnb_platform.tar import Owner

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.js", "a.js", "a.jsx"),
        ("*", ".hidden", "a/b"),
        ("**", "a", "a/b"),
        ("?", "é", "ab"),
        ("[a-c]x", "bx", "dx"),
        ("[^a]x", "bx", "ax"),
        ("a\\*", "a*", "ab"),
        ("a[", "a[", "a"),
    ],
)
def test_patterns_are_those_of_filepath_match(pattern: str, matching: str, other: str) -> None:
    assert re.fullmatch(glob_expression(pattern), matching)
    assert not re.fullmatch(glob_expression(pattern), other)


def layers(root: Path, *slices: list[str]) -> list[list[str]]:
    entries = app_layers(Place(root, "/w"), slices, Owner(0, 0))
    return [[entry.name.decode() for entry in layer] for layer in entries]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "static" / "css").mkdir(parents=True)
    (tmp_path / "static" / "css" / "a.css").write_text("")
    (tmp_path / "static" / "b.js").write_text("")
    (tmp_path / "main.py").write_text("")
    return tmp_path


def test_without_slices_there_is_one_layer_of_everything(app: Path) -> None:
    assert layers(app) == [["/w", "/w/main.py", "/w/static", "/w/static/b.js", "/w/static/css", "/w/static/css/a.css"]]


def test_a_slice_takes_a_subtree_and_the_parents_come_along(app: Path) -> None:
    assert layers(app, ["static/css"]) == [
        ["/w", "/w/static", "/w/static/css", "/w/static/css/a.css"],
        ["/w", "/w/main.py", "/w/static", "/w/static/b.js"],
    ]


def test_the_first_slice_wins_and_may_leave_others_empty(app: Path) -> None:
    assert layers(app, ["static"], ["static/*.js"], ["/static", "../x", "none"]) == [
        ["/w", "/w/static", "/w/static/b.js", "/w/static/css", "/w/static/css/a.css"],
        ["/w"],
        ["/w"],
        ["/w", "/w/main.py"],
    ]
