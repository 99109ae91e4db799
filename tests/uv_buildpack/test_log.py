"""Output: events as text and as JSON, and nothing secret in either."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
import structlog

from uv_buildpack import log

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(log, "_secrets", [])
    yield
    structlog.reset_defaults()


@pytest.fixture
def text() -> io.StringIO:
    stream = io.StringIO()
    log.configure(stream)
    return stream


def test_a_build_reads_like_this(text: io.StringIO) -> None:
    log.title("uv buildpack 0.1.0")
    log.heading("Analysing")
    log.step("Python 3.13.4")
    log.command(["uv", "sync"])
    log.detail("Resolved 2 packages")
    log.layer("venv", "changed", ["six 1.16 → 1.17", "idna removed"])
    log.layer("snapshots", "created", ["not known from a previous image"])
    log.layer("python", "reused")
    log.warning("There is a .venv.", "Exclude it.")
    log.table([("layer", "size"), ("venv", "12.0 MB"), ("python", "reused")])
    assert text.getvalue() == (
        "uv buildpack 0.1.0\n"
        "\n"
        "Analysing\n"
        "  Python 3.13.4\n"
        "    $ uv sync\n"
        "    Resolved 2 packages\n"
        "  venv: changed because\n"
        "    six 1.16 → 1.17\n"
        "    idna removed\n"
        "  snapshots: created: not known from a previous image\n"
        "  python: reused\n"
        "  warning: There is a .venv.\n"
        "           Exclude it.\n"
        "  layer   size\n"
        "  venv    12.0 MB\n"
        "  python  reused\n"
    )


def test_an_error_says_what_happened_facts_what_to_do_and_where_to_read_more(text: io.StringIO) -> None:
    log.error("uv.lock does not fit.", ["six is missing"], ["Run `uv lock`."], "docs/errors.md#lockfile-outdated")
    assert text.getvalue() == (
        "\n"
        "error: uv.lock does not fit.\n"
        "  six is missing\n"
        "  what to do:\n"
        "    Run `uv lock`.\n"
        "  more: docs/errors.md#lockfile-outdated\n"
    )


def test_an_error_without_advice_has_no_heading_for_it(text: io.StringIO) -> None:
    log.error("It broke.", [], [], "docs/errors.md#broken")
    assert "what to do" not in text.getvalue()


def test_a_step_ends_with_its_duration(text: io.StringIO) -> None:
    with log.timed("Python"):
        log.step("unpacked")
    assert re.fullmatch(r"\nPython\n  unpacked\n  \(\d+\.\d\d s\)\n", text.getvalue())


def test_json_has_one_event_a_line() -> None:
    stream = io.StringIO()
    log.configure(stream, form="json")
    log.heading("Analysing")
    log.warning("Old Python.", "Take a newer one.")
    log.layer("venv", "reused")
    log.error("It broke.", ["fact"], ["advice"], "docs/errors.md#broken")
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"level": "info", "kind": "heading", "event": "Analysing"},
        {"level": "warning", "kind": "warning", "event": "Old Python.", "advice": ["Take a newer one."]},
        {"level": "info", "kind": "layer", "event": "venv", "state": "reused", "reasons": []},
        {
            "level": "error",
            "kind": "error",
            "event": "It broke.",
            "facts": ["fact"],
            "advice": ["advice"],
            "link": "docs/errors.md#broken",
        },
    ]


@pytest.mark.parametrize(("level", "shown"), [("info", ""), ("debug", "    . detail\n")])
def test_details_for_debugging_are_shown_when_asked_for(level: str, shown: str) -> None:
    stream = io.StringIO()
    log.configure(stream, level=level)
    log.debug("detail")
    assert stream.getvalue() == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("https://user:hunter2@index.example/simple", "https://****@index.example/simple"),
        ("https://token@index.example/", "https://****@index.example/"),
        ("git+https://user:p%40ss@git.example/x", "git+https://****@git.example/x"),
        ("a ssh://git@git.example b", "a ssh://****@git.example b"),
        ("http://127.0.0.1:8080/@scope/name", "http://127.0.0.1:8080/@scope/name"),
        ("https://user:pa/ss@index.example/simple", "https://****@index.example/simple"),
        ("https://user:pa@ss@index.example/simple", "https://****@index.example/simple"),
        ("https://index.example/@scope/name", "https://index.example/@scope/name"),
        ("write to me@example.org", "write to me@example.org"),
        ("https://index.example/a mail to me@example.org", "https://index.example/a mail to me@example.org"),
    ],
)
def test_credentials_in_addresses_are_masked(said: str, shown: str) -> None:
    assert log.masked(said) == shown


def test_secrets_are_masked_wherever_they_turn_up_the_longest_first(text: io.StringIO) -> None:
    log.keep_secret(["hunter2", "hunter2-long"])
    log.step("hunter2-long hunter2")
    log.command(["curl", "-u", "hunter2"])
    log.warning("hunter2", "hunter2")
    log.error("hunter2", ["hunter2"], ["hunter2"], "hunter2")
    log.table([("hunter2",), ("hunter2",)])
    log.layer("venv", "changed", ["hunter2"])
    assert "hunter2" not in text.getvalue()
    assert text.getvalue().startswith("  **** ****\n    $ curl -u ****\n")


def test_secrets_are_masked_in_json_as_well() -> None:
    stream = io.StringIO()
    log.configure(stream, form="json")
    log.keep_secret(['quo"ted'])
    log.error('quo"ted', ['a quo"ted b'], [], "x")
    log.table([('quo"ted',)])
    assert "ted" not in stream.getvalue()


def test_a_very_short_secret_does_not_mask_prose() -> None:
    log.keep_secret(["on"])
    assert log.masked("one") == "one"
