"""Values of documents: the type that is expected, or an error that names the place."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from cnb.documents import DocumentError, Table, json_table, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENT = Table(
    {
        "name": "shop",
        "count": 3,
        "yes": True,
        "day": dt.date(2026, 1, 2),
        "list": ["a", 1],
        "entries": [{"inner": {"a b": [{"x": []}]}}, "text"],
        "table": {"one": {}, "two": 2},
        "long": "x" * 100,
    },
    "some.toml",
)


def test_values_of_the_right_type_are_given() -> None:
    assert DOCUMENT.text("name") == "shop"
    assert DOCUMENT.integer("count") == DOCUMENT.optional_integer("count") == 3
    assert DOCUMENT.optional_boolean("yes") is True
    assert DOCUMENT.array("list") == ["a", 1]
    assert DOCUMENT.table("table", "one").values == {}
    assert "name" in DOCUMENT
    assert "other" not in DOCUMENT


def test_what_is_not_there_is_empty() -> None:
    assert DOCUMENT.optional_text("x") is None
    assert DOCUMENT.optional_integer("x") is None
    assert DOCUMENT.optional_boolean("x") is None
    assert DOCUMENT.texts("x") == ()
    assert DOCUMENT.tables("x") == []
    assert DOCUMENT.table("x", "y").values == {}


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda: DOCUMENT.text("count"), "count: expected a string, got 3"),
        (lambda: DOCUMENT.text("x"), "x: expected a string, and it is missing"),
        (lambda: DOCUMENT.optional_text("day"), 'day: expected a string, got "2026-01-02"'),
        (lambda: DOCUMENT.optional_integer("yes"), "yes: expected an integer, got true"),
        (lambda: DOCUMENT.integer("x"), "x: expected an integer, and it is missing"),
        (lambda: DOCUMENT.optional_boolean("count"), "count: expected true or false, got 3"),
        (lambda: DOCUMENT.texts("list"), "list[1]: expected a string, got 1"),
        (lambda: DOCUMENT.texts("table"), "list: expected an array, got a table".replace("list", "table")),
        (lambda: DOCUMENT.tables("entries"), 'entries[1]: expected a table, got "text"'),
        (lambda: DOCUMENT.table("table", "two", "three"), "table.two: expected a table, got 2"),
        (lambda: DOCUMENT.table("table", "x").text("y"), "table.x.y: expected a string, and it is missing"),
        (lambda: DOCUMENT.optional_integer("long"), f'long: expected an integer, got "{"x" * 39}…'),
        (
            lambda: Table(DOCUMENT.values["entries"][0], "some.toml").table("inner").tables("a b")[0].text("x"),  # type: ignore[index]  # it is a list
            'inner."a b"[0].x: expected a string, got an array',
        ),
    ],
)
def test_a_value_of_another_type_is_an_error_that_names_its_place(read: Callable[[], object], message: str) -> None:
    with pytest.raises(DocumentError) as raised:
        read()
    assert str(raised.value) == f"some.toml: {message}"


def test_a_number_that_nobody_may_write_out_is_said_in_words() -> None:
    with pytest.raises(DocumentError, match="got a number with too many digits"):
        Table({"x": 10**5000}, "x").text("x")


@pytest.mark.parametrize("text", ["{", "[" * 100_000, f"[{'1' * 5000}]", b"\xff", ""])
def test_what_is_no_json_is_an_error(text: str | bytes) -> None:
    with pytest.raises(DocumentError, match=r"^marker\.json: not JSON"):
        parse_json(text, "marker.json")


def test_json_that_is_no_object_is_an_error() -> None:
    assert json_table(json.dumps({"a": 1}), "x").values == {"a": 1}
    with pytest.raises(DocumentError, match=r"^x: expected a table, got an array"):
        json_table("[]", "x")


def test_a_table_that_lacks_what_it_has_to_have_is_named() -> None:
    error = DOCUMENT.table("table", "one").lacking("a", "b")
    assert str(error) == "some.toml: table.one: expected one of a, b, and none of them is there"
