"""`docs/errors.md` is what the buildpack prints: for each error an entry, for each entry an error."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.bad_input import PRODUCERS
from tests.uv_buildpack.error_docs import DOCUMENT, anchor, classes, entries, produced

if TYPE_CHECKING:
    from uv_buildpack.errors import Problem

TEXT = DOCUMENT.read_text(encoding="utf-8")
ENTRIES = entries(TEXT)
CLASSES = list(classes())
NAMES = [kind.__name__ for kind in CLASSES]


def test_each_error_has_an_entry_and_each_entry_an_error() -> None:
    assert sorted(ENTRIES) == sorted(map(anchor, CLASSES))


def test_each_error_is_produced_from_bad_input() -> None:
    assert set(PRODUCERS) == set(CLASSES)


@pytest.mark.parametrize("kind", CLASSES, ids=NAMES)
def test_the_example_is_what_is_printed(kind: type[Problem]) -> None:
    # scripts/refresh-error-docs writes it.
    assert f"```text\n{produced(kind)}```\n" in ENTRIES[anchor(kind)]


@pytest.mark.parametrize("kind", CLASSES, ids=NAMES)
def test_an_entry_says_what_it_means_and_what_to_do(kind: type[Problem]) -> None:
    meaning, _, rest = ENTRIES[anchor(kind)].partition("```text\n")
    _, _, advice = rest.partition("```\n")
    assert meaning.strip()
    assert advice.strip()


def test_every_entry_is_in_the_list_at_the_top_once() -> None:
    links = re.findall(r"\[([a-z-]+)\]\(#([a-z-]+)\)", TEXT.partition("\n## ")[0])
    assert sorted(links) == sorted((name, name) for name in ENTRIES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("LockfileOutdated", "lockfile-outdated"), ("TLSVerificationFailed", "tls-verification-failed")],
)
def test_an_anchor_is_the_name_in_kebab_case(name: str, expected: str) -> None:
    (kind,) = (kind for kind in CLASSES if kind.__name__ == name)
    assert anchor(kind) == expected
