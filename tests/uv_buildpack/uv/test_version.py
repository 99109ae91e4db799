"""Which uv: what is asked for, and where the one that is carried is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import PROJECT, PYPROJECT, plant

from uv_buildpack.errors import UvNotFound, UvVersionContradictory, UvVersionInvalid, UvVersionTooOld
from uv_buildpack.project.files import read_project
from uv_buildpack.uv.version import (
    OLDEST,
    UvRequest,
    bounds,
    carried_fits,
    carried_version,
    exact,
    find_carried,
    read_request,
    requested,
    usable,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "specifier"), [("0.13.8", "==0.13.8"), (">=0.12,<0.14", "<0.14,>=0.12"), ("~=0.13.0", "~=0.13.0")]
)
def test_a_version_or_a_specifier_is_a_request(text: str, specifier: str) -> None:
    request = read_request(text, "BP_UV_VERSION")
    assert request is not None
    assert str(request.specifier) == specifier
    assert request.origin == "BP_UV_VERSION"


def test_nothing_asked_for_is_no_request() -> None:
    assert read_request(None, "required-version") is None


@pytest.mark.parametrize("text", ["newest", "0.x", ">>1"])
def test_words_that_mean_nothing_are_an_error(text: str) -> None:
    with pytest.raises(UvVersionInvalid, match="BP_UV_VERSION"):
        read_request(text, "BP_UV_VERSION")


@pytest.mark.parametrize(("text", "fits"), [(None, True), (">=0.5", True), (">99", False), ("0.0.1", False)])
def test_the_carried_uv_fits_or_not(text: str | None, fits: bool) -> None:  # noqa: FBT001 (a parametrized value)
    assert carried_fits(read_request(text, "x")) is fits


def test_the_carried_version_fits_itself() -> None:
    assert carried_fits(read_request(carried_version(), "x"))


def test_the_package_carries_its_uv(tmp_path: Path) -> None:
    plant(tmp_path, {"uv/uv": "", "path/uv": ""})
    assert find_carried(tmp_path, {"PATH": str(tmp_path / "path")}) == tmp_path / "uv" / "uv"


def test_a_source_checkout_takes_uv_from_path(tmp_path: Path) -> None:
    plant(tmp_path, {"path/uv": ""})
    assert find_carried(tmp_path, {"PATH": f":/nowhere:{tmp_path}/path"}) == tmp_path / "path" / "uv"


@pytest.mark.parametrize("environment", [{}, {"PATH": "/nowhere"}])
def test_without_any_uv_it_says_what_to_do(tmp_path: Path, environment: dict[str, str]) -> None:
    with pytest.raises(UvNotFound):
        find_carried(tmp_path, environment)


def asked(root: Path, wanted: str | None, required: str | None) -> UvRequest | None:
    setting = f'\n[tool.uv]\nrequired-version = "{required}"\n' if required else ""
    plant(root / "app", {**PROJECT, "pyproject.toml": f"{PYPROJECT}{setting}"})
    return requested(wanted, read_project(root / "app", "."))


@pytest.mark.parametrize(
    ("wanted", "required"),
    [
        ("0.12.3", ">=0.12"),
        ("0.12.*", ">0.12.5"),
        (">=0.12,<0.13", "<0.12.1"),
        (">=0.12", "<0.13"),
        ("~=0.12.1", "!=0.12.1"),
        ("<0.13", ">0.12.99"),
        ("<1", ">0.99"),
        ("<=0.13", ">=0.13"),
    ],
)
def test_what_both_ask_for_counts(tmp_path: Path, wanted: str, required: str) -> None:
    request = asked(tmp_path, f"=={wanted}" if wanted.endswith("*") else wanted, required)
    assert request is not None
    assert request.origin == "BP_UV_VERSION and required-version in pyproject.toml"


@pytest.mark.parametrize(
    ("wanted", "required"),
    [
        ("0.12.3", ">=0.13"),
        (">=0.13", "<0.13"),
        ("<0.12", "~=0.12.1"),
        ("==0.12.*", ">=0.13,<0.14"),
        ("0.12.3", "0.12.4"),
    ],
)
def test_what_cannot_both_be_met_is_an_error(tmp_path: Path, wanted: str, required: str) -> None:
    with pytest.raises(UvVersionContradictory, match="BP_UV_VERSION asks"):
        asked(tmp_path, wanted, required if required[0] in "<>=~!" else f"=={required}")


@pytest.mark.parametrize(
    ("wanted", "required", "origin"),
    [(None, None, None), ("0.12.3", None, "BP_UV_VERSION"), (None, ">=0.12", "required-version in pyproject.toml")],
)
def test_one_of_them_counts_alone(tmp_path: Path, wanted: str | None, required: str | None, origin: str | None) -> None:
    request = asked(tmp_path, wanted, required)
    assert (request.origin if request else None) == origin


@pytest.mark.parametrize(
    ("wanted", "required"),
    [("0.9.8", None), (None, "<0.9"), ("~=0.8.0", None), (">=0.5", "<0.9.9"), ("==0.8.*", ">=0.5")],
)
def test_a_uv_without_what_a_build_needs_is_an_error(tmp_path: Path, wanted: str | None, required: str | None) -> None:
    with pytest.raises(UvVersionTooOld, match=OLDEST):
        asked(tmp_path, wanted, required)


@pytest.mark.parametrize("wanted", [OLDEST, "==0.9.*", "<=0.9.9", "<0.9.10", "<0.10", ">=0.5", "<1", "!=0.9.9"])
def test_a_range_with_a_usable_uv_in_it_counts(tmp_path: Path, wanted: str) -> None:
    request = asked(tmp_path, wanted, None)
    assert request is not None
    assert not usable(request).contains("0.9.8")


@pytest.mark.parametrize(("text", "version"), [("0.12.3", "0.12.3"), ("==0.12.*", None), (">=0.12", None)])
def test_only_a_pinned_version_is_exact(text: str, version: str | None) -> None:
    request = read_request(text, "x")
    assert request is not None
    assert exact(request) == version


@pytest.mark.parametrize(
    ("text", "expected"),
    [(">=0.12,<0.14,!=0.13.1", ("0.12", "0.14")), ("==0.12.*", ("0.12", "0.12")), ("0.13.9", ("0.13.9", "0.13.9"))],
)
def test_the_bounds_of_a_request_are_the_versions_that_it_names(text: str, expected: tuple[str, str]) -> None:
    request = read_request(text, "x")
    assert request is not None
    assert bounds(request) == expected
