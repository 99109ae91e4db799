"""`BP_UV_HEAVY_PACKAGES`: what is accepted."""

from __future__ import annotations

import pytest

from uv_buildpack.installed.heavy import HeavySetting, parse_setting


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("auto", 10_000_000),
        ("Auto", 10_000_000),
        ("50MB", 50_000_000),
        ("50 mb", 50_000_000),
        ("1.5GiB", 3 * 2**29),
        ("0B", 1),
    ],
)
def test_a_size_is_a_least_size_and_auto_is_ten_megabytes(text: str, least: int) -> None:
    assert parse_setting(text) == HeavySetting(least=least)


@pytest.mark.parametrize("value", ["torch, Some.Package", ["torch", "some_package"]])
def test_names_are_normalised_wherever_they_come_from(value: object) -> None:
    assert parse_setting(value) == HeavySetting(names=frozenset({"torch", "some-package"}))


@pytest.mark.parametrize("value", ["none", "None", [], ["none"]])
def test_none_and_an_empty_list_mean_nothing_is_heavy(value: object) -> None:
    assert not parse_setting(value).takes(frozenset({"torch"}), 10**10)


@pytest.mark.parametrize("value", ["50", "auto,torch", "torch,none", "a b", 50, True, [1], {"torch": 1}, "*"])
def test_anything_else_is_refused_with_what_is_accepted(value: object) -> None:
    with pytest.raises(ValueError, match="auto, none, a size such as 50MB, or names of packages"):
        parse_setting(value)


@pytest.mark.parametrize("text", ["auto", "none", "50000000B", "numpy, torch"])
def test_a_setting_is_shown_as_it_could_be_written(text: str) -> None:
    setting = parse_setting(text)
    assert str(setting) == text
    assert parse_setting(str(setting)) == setting
