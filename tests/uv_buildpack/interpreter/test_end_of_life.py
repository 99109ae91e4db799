"""Warnings about the end of life."""

from __future__ import annotations

from datetime import date

import pytest
from structlog.testing import capture_logs

from uv_buildpack.interpreter import end_of_life


def said(version: str, today: str) -> list[str]:
    with capture_logs() as events:
        end_of_life.warn(version, date.fromisoformat(today))
    return [str(event["event"]) for event in events]


@pytest.mark.parametrize("today", ["2026-05-01", "2026-10-31"])
def test_the_end_is_announced_half_a_year_before(today: str) -> None:
    assert said("3.10.14", today) == ["Python 3.10 gets no security fixes after 2026-10-31."]


def test_after_the_end_it_is_said_that_there_are_no_fixes() -> None:
    assert said("3.10.14", "2026-11-01") == ["Python 3.10 has had no security fixes since 2026-10-31."]


@pytest.mark.parametrize(
    ("version", "today"), [("3.10.14", "2026-04-30"), ("3.14.0", "2026-11-25"), ("3.99.0", "2099-01-01")]
)
def test_a_version_that_is_maintained_or_unknown_is_no_news(version: str, today: str) -> None:
    assert said(version, today) == []
