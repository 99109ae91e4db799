"""What `scripts/refresh-releases --check` says of data that is behind."""

from __future__ import annotations

from typing import Any

from releases.behind import behind

ENDS = {"3.13": "2029-10-31", "3.14": "2030-10-31", "3.15": "2031-10-31"}
FRESH = {"carried": "0.13.9", "newest": "0.13.9"}


def builds(*versions: str, date: str = "20261110") -> dict[str, Any]:
    facts = {"date": date, "libc": "gnu", "variant": "default", "path": "a.tar.gz", "sha256": "0" * 64}
    return {"builds": [{"version": v, "arch": a, **facts} for v in versions for a in ("x86_64", "aarch64")]}


KNOWN = builds("3.13.18", "3.14.10", "3.15.2", "3.16.0a2")


def test_nothing_is_said_of_fresh_data() -> None:
    assert behind(ours=KNOWN, newest=KNOWN, uv=FRESH, ends=ENDS) == []


def test_a_newer_uv_is_named() -> None:
    found = behind(ours=KNOWN, newest=KNOWN, uv={"carried": "0.13.9", "newest": "0.13.10"}, ends=ENDS)
    assert found == ["uv: 0.13.9 is carried, 0.13.10 is the newest"]


def test_each_build_that_is_missing_is_named() -> None:
    later = {"builds": [*KNOWN["builds"], *builds("3.15.3", date="20261212")["builds"]]}
    assert behind(ours=KNOWN, newest=later, uv=FRESH, ends=ENDS) == [
        "catalogue: CPython 3.15.3 of 20261212 is not in it",
        "catalogue: the newest build in it is of 20261110, there are some of 20261212",
    ]


def test_a_minor_without_an_end_of_life_is_named() -> None:
    ends = {"3.13": "2029-10-31", "3.14": "2030-10-31"}
    found = behind(ours=KNOWN, newest=KNOWN, uv=FRESH, ends=ends)
    assert found == ["eol.json: the end of life of Python 3.15 is missing"]


def test_a_runtime_of_another_minor_than_most_apps_get_is_named() -> None:
    newer = {"builds": [*KNOWN["builds"], *builds("3.16.1")["builds"]]}
    found = behind(ours=newer, newest=newer, uv=FRESH, ends={**ENDS, "3.16": "2032-10-31"})
    assert found[0] == "runtime for x86_64: CPython 3.15.2 is carried, most apps get 3.16 (tested up to 3.15)"
