"""Markers of a lock: which hold, and what is said of those that cannot be read."""

from __future__ import annotations

import pytest

from cnb.documents import DocumentError, Table
from uv_buildpack.errors import LockfileInvalid
from uv_buildpack.project import markers
from uv_buildpack.project.markers import conflict_name

ENVIRONMENT: dict[str, str | frozenset[str]] = {
    "python_version": "3.13",
    "os_name": "posix",
    "extras": frozenset({"gpu"}),
}
ACTIVE = frozenset({conflict_name("project", "shop"), conflict_name("extra", "shop", "gpu")})


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("python_version >= '3.12'", True),
        ("os_name == 'nt'", False),
        ("'gpu' in extras", True),
        ("'cpu' in extras", False),
        ("extra == 'extra-4-shop-gpu'", True),
        ("extra == 'extra-4-shop-cpu'", False),
        ("extra != 'extra-4-shop-gpu'", False),
        ('extra != "group-4-shop-gpu"', True),
        ("extra == 'project-4-shop' and os_name == 'nt'", False),
        ("extra == 'project-4-shop' or os_name == 'nt'", True),
    ],
)
def test_a_marker_holds_for_an_environment_and_for_what_is_installed(marker: str, *, holds: bool) -> None:
    assert markers.hold(marker, ENVIRONMENT, ACTIVE, "uv.lock") is holds


def test_the_name_of_a_conflict_has_the_length_of_the_package() -> None:
    # https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-resolver/src/universal_marker.rs
    assert conflict_name("extra", "shop", "gpu") == "extra-4-shop-gpu"
    assert conflict_name("project", "shop") == "project-4-shop"


@pytest.mark.parametrize("marker", ["'x' in dependency_groups", f"python_version < '{'9' * 5000}'"])
def test_a_marker_that_cannot_be_evaluated_is_quoted_in_short(marker: str) -> None:
    with pytest.raises(LockfileInvalid) as raised:
        markers.hold(marker, ENVIRONMENT, ACTIVE, "app.py.lock")
    assert raised.value.what == "app.py.lock is not a valid lockfile."
    assert raised.value.facts[0].startswith(f"The marker {marker[:20]!r}"[:-1])
    assert len(raised.value.facts[0]) < 500


def test_a_marker_of_200_characters_is_quoted_whole() -> None:
    for length, shown in ((200, 200), (201, 200)):
        marker = f"'{'x' * (length - 23)}' in dependency_groups"
        assert len(marker) == length
        with pytest.raises(LockfileInvalid) as raised:
            markers.hold(marker, ENVIRONMENT, ACTIVE, "uv.lock")
        assert marker[:shown] in raised.value.facts[0]
        assert ("…" in raised.value.facts[0].partition(" cannot be read")[0]) is (length > shown)


def test_markers_of_a_document_are_given_as_they_are_written() -> None:
    table = Table({"one": "os_name == 'nt'", "several": ["os_name == 'nt'", "extra == 'x'"]}, "uv.lock")
    assert markers.read(table, "one") == "os_name == 'nt'"
    assert markers.read(table, "none") is None
    assert markers.read_all(table, "several") == ("os_name == 'nt'", "extra == 'x'")
    assert markers.read_all(table, "none") == ()


@pytest.mark.parametrize("marker", ["", "nonsense", "moon == 'full'", "'x' in flavours", "(" * 5000])
def test_what_is_no_marker_is_named_with_its_place(marker: str) -> None:
    table = Table({"one": marker, "several": ["os_name == 'nt'", marker]}, "uv.lock")
    with pytest.raises(DocumentError, match=r"^uv\.lock: one: expected a marker, got "):
        markers.read(table, "one")
    with pytest.raises(DocumentError, match=r"^uv\.lock: several\[1\]: expected a marker, got "):
        markers.read_all(table, "several")
