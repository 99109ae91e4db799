"""The `uv` layer: which uv, and where from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import fake_uv
from tests.uv_buildpack.trees import plant

from cnb.layer import LayerTypes
from uv_buildpack.errors import UvNotFound, UvVersionInvalid
from uv_buildpack.layers.uv import (
    ENVIRONMENT,
    TYPES,
    carried_fits,
    carried_version,
    contribute,
    find_carried,
    index_settings,
    read_request,
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


def test_the_layer_is_for_later_buildpacks_only() -> None:
    assert LayerTypes(build=True) == TYPES
    assert [variable.files() for variable in ENVIRONMENT] == [{"env.build/UV_PYTHON_DOWNLOADS.override": "never"}]


def test_the_carried_uv_is_linked(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    fake = fake_uv(tmp_path, {})
    made = contribute(tmp_path / "layer", uv=fake.uv, request=None, root=tmp_path, settings={})
    assert made.readlink() == fake.uv.binary
    assert fake.calls() == []


def test_another_version_is_installed_by_the_carried_one(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    target = tmp_path / "layer" / "packages"
    fake = fake_uv(tmp_path, {"pip*": f"mkdir -p '{target}/bin'; echo new > '{target}/bin/uv'"})
    with capture_logs():
        made = contribute(
            tmp_path / "layer", uv=fake.uv, request=read_request("0.0.1", "x"), root=tmp_path, settings={}
        )
    assert made == tmp_path / "layer" / "bin" / "uv"
    assert made.read_text() == "new\n"
    (call,) = fake.calls()
    assert call.arguments == ["pip", "install", "--no-deps", "--target", str(target), "uv==0.0.1"]


def test_another_version_is_asked_of_the_projects_indexes_but_not_by_its_own_requirement(tmp_path: Path) -> None:
    settings = {
        "required-version": "==0.0.1",
        "index": [{"name": "ours", "url": "https://packages.example/simple"}, {"name": "local", "url": "wheels"}],
        "find-links": ["more", "https://packages.example/links"],
        "dev-dependencies": ["pytest"],
    }
    assert index_settings(settings, tmp_path) == {
        "index": [
            {"name": "ours", "url": "https://packages.example/simple"},
            {"name": "local", "url": f"{tmp_path}/wheels"},
        ],
        "find-links": [f"{tmp_path}/more", "https://packages.example/links"],
    }
