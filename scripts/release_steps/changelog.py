"""CHANGELOG.md in the format of Keep a Changelog: sections of releases, the newest first."""

from __future__ import annotations

import re

_UNRELEASED = "## [Unreleased]\n"


class NothingToRelease(Exception):
    """The changelog says nothing about the release."""


def notes(text: str, version: str) -> str:
    """Return the section of a version, without its heading. Raises NothingToRelease."""
    heading = re.compile(rf"^## \[{re.escape(version)}\].*\n", re.MULTILINE)
    start = heading.search(text)
    if start is None:
        message = f"CHANGELOG.md has no section for {version}"
        raise NothingToRelease(message)
    return text[start.end() :].partition("\n## [")[0].strip()


def released(text: str, version: str, date: str) -> str:
    """Return the text with what was unreleased under the heading of a version. Raises NothingToRelease."""
    if not notes(text, "Unreleased"):
        message = "CHANGELOG.md has nothing under [Unreleased]"
        raise NothingToRelease(message)
    return text.replace(_UNRELEASED, f"{_UNRELEASED}\n## [{version}] - {date}\n", 1)
