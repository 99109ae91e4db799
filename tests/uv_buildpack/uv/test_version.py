"""Which uv: what is asked for, and where the one that is carried is found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import UvNotFound, UvVersionInvalid
from uv_buildpack.uv.version import carried_fits, carried_version, find_carried, read_request

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
