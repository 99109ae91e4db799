"""The `uv` layer: which uv, and where from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import fake_uv, says

from cnb.layer import LayerTypes
from uv_buildpack.errors import AuthenticationFailed, UvVersionUnavailable
from uv_buildpack.layers.uv import ENVIRONMENT, TYPES, asked_indexes, index_settings, install, link
from uv_buildpack.uv.indexes import Index, Indexes
from uv_buildpack.uv.version import UvRequest, read_request

if TYPE_CHECKING:
    from pathlib import Path


def test_the_layer_is_for_later_buildpacks_only() -> None:
    assert LayerTypes(build=True) == TYPES
    assert [variable.files() for variable in ENVIRONMENT] == [{"env.build/UV_PYTHON_DOWNLOADS.override": "never"}]


def request(text: str) -> UvRequest:
    made = read_request(text, "BP_UV_VERSION")
    assert made is not None
    return made


def test_the_carried_uv_is_linked(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    fake = fake_uv(tmp_path, {})
    made = link(tmp_path / "layer", fake.uv)
    assert made.binary == tmp_path / "layer" / "bin" / "uv"
    assert made.binary.readlink() == fake.uv.binary
    assert fake.calls() == []


def test_another_version_is_installed_by_the_carried_one(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    target = tmp_path / "layer" / "packages"
    fake = fake_uv(tmp_path, {"pip*": f"mkdir -p '{target}/bin'; echo new > '{target}/bin/uv'"})
    with capture_logs():
        made = install(tmp_path / "layer", fake.uv, request("0.0.1"), {}, ["PyPI"])
    assert made.binary == tmp_path / "layer" / "bin" / "uv"
    assert made.binary.read_text() == "new\n"
    (call,) = fake.calls()
    assert call.arguments == ["pip", "install", "--no-deps", "--target", str(target), "uv==0.0.1"]


NO_VERSION = says("error: No solution found when resolving dependencies\n  cause: there is no version of uv", 1)


def test_a_version_that_no_index_has_is_said_with_the_nearest_ones(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    below = "*--dry-run*uv*0.12.9*--resolution*"
    answers = {below: "echo ' + uv==0.13.0' >&2", "*--dry-run*": "echo ' + uv==0.12.3' >&2", "pip*": NO_VERSION}
    fake = fake_uv(tmp_path, answers)
    with capture_logs(), pytest.raises(UvVersionUnavailable) as raised:
        install(tmp_path / "layer", fake.uv, request("0.12.9"), {}, ["corp (https://index.example/simple)"])
    assert raised.value.what == "uv ==0.12.9 (BP_UV_VERSION) is not available."
    assert raised.value.facts == (
        "Looked in corp (https://index.example/simple).",
        "Nearest available versions: 0.12.3, 0.13.0.",
    )
    assert [call.arguments[-1] for call in fake.calls()] == ["uv==0.12.9", "uv<0.12.9", "lowest"]


def test_an_index_without_any_uv_is_said_with_uvs_words(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    fake = fake_uv(tmp_path, {"pip*": NO_VERSION})
    with capture_logs(), pytest.raises(UvVersionUnavailable) as raised:
        install(tmp_path / "layer", fake.uv, request(">=0.12,<0.13"), {}, ["PyPI"])
    assert raised.value.facts[1] == "Nearest available versions: none."
    assert "there is no version of uv" in raised.value.facts[-1]


def test_credentials_that_are_refused_are_not_a_missing_version(tmp_path: Path) -> None:
    (tmp_path / "layer").mkdir()
    fake = fake_uv(tmp_path, {"pip*": says("error: x\n  hint: 401 Unauthorized", 1)})
    with capture_logs(), pytest.raises(AuthenticationFailed):
        install(tmp_path / "layer", fake.uv, request("0.12.9"), {}, ["PyPI"])


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ["own (https://own.example)", "PyPI"]),
        (
            {"UV_DEFAULT_INDEX": "https://user:pw@c.example/simple"},
            ["own (https://own.example)", "https://c.example/simple"],
        ),
    ],
)
def test_the_indexes_that_are_asked_are_not_those_for_single_packages(
    tmp_path: Path, variables: dict[str, str], expected: list[str]
) -> None:
    settings = {
        "index": [
            {"name": "own", "url": "https://own.example"},
            {"name": "torch", "url": "https://torch.example", "explicit": True},
        ]
    }
    known = Indexes((Index("https://own.example", "own"), Index("https://torch.example", "torch")))
    uv = replace(fake_uv(tmp_path, {}).uv, indexes=known)
    assert asked_indexes(uv, variables, settings) == expected


def test_another_version_is_asked_of_the_projects_indexes_but_not_of_files_in_the_app() -> None:
    ours = {"name": "ours", "url": "https://packages.example/simple"}
    settings = {
        "required-version": "==0.0.1",
        "index": [ours, {"name": "local", "url": "wheels"}, {"name": "file", "url": "file:///workspace/wheels"}, {}, 1],
        "index-url": "/workspace/wheels",
        "extra-index-url": ["FILE:///workspace/wheels"],
        "find-links": ["more", "https://packages.example/links"],
        "no-index": True,
        "dev-dependencies": ["pytest"],
    }
    assert index_settings(settings) == {
        "index": [ours],
        "extra-index-url": [],
        "find-links": ["https://packages.example/links"],
    }
