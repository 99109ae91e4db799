"""Text without secrets: in each form in which tools print them, and in time linear in the text."""

from __future__ import annotations

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest

from uv_buildpack.masking import MASK, forms, without_controls, without_secrets

WORD = "p@ss/w0rd+5502 ünd"


def masked(text: str, *secrets: str) -> str:
    return without_secrets(text, sorted({form for secret in secrets for form in forms(secret)}, key=len, reverse=True))


@pytest.mark.parametrize(
    "form",
    [
        WORD,
        quote(WORD),
        quote(WORD, safe=""),
        quote(WORD, safe="").lower(),
        quote_plus(WORD),
        repr(WORD)[1:-1],
    ],
)
def test_each_form_of_a_secret_is_masked(form: str) -> None:
    assert masked(f"a {form} b", WORD) == f"a {MASK} b"


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "deploy:", '{"auths": {"x": "'])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_base64_is_masked_wherever_in_a_text_the_secret_begins(before: str, encode: object) -> None:
    assert callable(encode)
    said = encode(f"{before}{WORD}|rest".encode()).decode()
    left = masked(said, WORD)
    assert MASK in left
    # What is left are the characters before and after, and those that hold a part of a byte.
    assert len(left.replace(MASK, "")) <= len(said) - len(base64.b64encode(WORD.encode()).rstrip(b"=")) + 4


def test_each_line_of_a_secret_is_masked() -> None:
    key = "-----BEGIN KEY-----\nabcdef0123\n\nzz\n  ghijkl4567\n-----END KEY-----\n"
    assert masked("x abcdef0123 y\nghijkl4567", key) == f"x {MASK} y\n{MASK}"


@pytest.mark.parametrize("value", ["", "on", "true", "False", "none"])
def test_what_is_short_or_no_secret_masks_no_prose(value: str) -> None:
    assert forms(value) == set()


def test_json_of_a_secret_is_masked_as_a_log_in_json_escapes_it() -> None:
    said = json.dumps({"password": "tab\there"})
    assert "here" not in masked(said, "tab\there")


@pytest.mark.parametrize(
    "text",
    [
        "://a:" * 40_000,
        "://" * 70_000,
        "://a@" * 40_000,
        f"://{'a:' * 100_000}",
        "://x:y" + " " * 200_000,
        "@" * 200_000,
    ],
)
def test_no_text_costs_more_than_linear_time(text: str) -> None:
    begin = time.process_time()
    without_secrets(text, [])
    without_controls(text)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("ünï → 1.2\ttab\nline", "ünï → 1.2\ttab\nline"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\rb\0", r"a\x0db\x00"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202ereversed", r"\u202ereversed"),
        ("\udcff", r"\udcff"),
        ("a\u2028b", r"a\u2028b"),
    ],
)
def test_a_terminal_obeys_nothing_in_a_text(text: str, shown: str) -> None:
    assert without_controls(text) == shown
