"""The `uv` layer: which uv, and where from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import fake_uv

from cnb.layer import LayerTypes
from uv_buildpack.layers.uv import ENVIRONMENT, TYPES, fill, index_settings
from uv_buildpack.uv.version import read_request

if TYPE_CHECKING:
    from pathlib import Path


def test_the_layer_is_for_later_buildpacks_only() -> None:
    assert LayerTypes(build=True) == TYPES
    assert [variable.files() for variable in ENVIRONMENT] == [{"env.build/UV_PYTHON_DOWNLOADS.override": "never"}]


def test_the_carried_uv_is_linked(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    fake = fake_uv(tmp_path, {})
    made = fill(tmp_path / "layer", uv=fake.uv, request=None, root=tmp_path, settings={})
    assert made.readlink() == fake.uv.binary
    assert fake.calls() == []


def test_another_version_is_installed_by_the_carried_one(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    target = tmp_path / "layer" / "packages"
    fake = fake_uv(tmp_path, {"pip*": f"mkdir -p '{target}/bin'; echo new > '{target}/bin/uv'"})
    with capture_logs():
        made = fill(tmp_path / "layer", uv=fake.uv, request=read_request("0.0.1", "x"), root=tmp_path, settings={})
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
