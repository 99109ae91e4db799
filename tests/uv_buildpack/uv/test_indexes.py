"""Which indexes a project has, and what their credentials are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import LOCK, PROJECT, PYPROJECT, plant

from uv_buildpack.project import selection
from uv_buildpack.project.files import read_project
from uv_buildpack.project.lockfile import read_lock
from uv_buildpack.uv.indexes import Index, Indexes, default_of, of_project, registries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAMED = '[[tool.uv.index]]\nname = "corp-main"\nurl = "https://index.example/simple"\n'
LOCKED = """
version = 1
requires-python = ">=3.9"
[[package]]
name = "six"
version = "1.17.0"
source = {{ registry = "https://index.example/simple{end}" }}
"""
LEGACY = '[tool.uv]\nindex-url = "https://one.example/simple"\nextra-index-url = ["https://two.example/simple"]\n'


def indexes(root: Path, files: Mapping[str, str], environment: Mapping[str, str] | None = None) -> list[str]:
    plant(root / "app", {**PROJECT, "uv.lock": LOCK, **files})
    project = read_project(root / "app", ".")
    user_file = root / "app" / "user.toml"
    found = of_project(environment or {}, project, user_file if user_file.is_file() else None)
    return [f"{index.name}={index.url}" for index in found]


def test_they_come_from_the_project(tmp_path: Path) -> None:
    assert indexes(tmp_path, {"pyproject.toml": f"{PYPROJECT}\n{NAMED}"}) == ["corp-main=https://index.example/simple"]


def test_a_uv_toml_hides_those_in_pyproject(tmp_path: Path) -> None:
    files = {"pyproject.toml": f"{PYPROJECT}\n", "uv.toml": NAMED.replace("tool.uv.", "").replace("corp-main", "own")}
    assert indexes(tmp_path, files) == ["own=https://index.example/simple"]


def test_addresses_of_the_former_settings_have_no_name_and_come_last(tmp_path: Path) -> None:
    found = indexes(tmp_path, {"pyproject.toml": f"{PYPROJECT}\n{LEGACY}{NAMED}"})
    assert found == [
        "corp-main=https://index.example/simple",
        "=https://one.example/simple",
        "=https://two.example/simple",
    ]


def test_they_come_from_the_users_own_file_and_from_variables(tmp_path: Path) -> None:
    variables = {"UV_INDEX": "a=https://a.example/simple https://b.example/simple", "UV_INDEX_URL": "https://c.example"}
    found = indexes(tmp_path, {"user.toml": NAMED.replace("tool.uv.", "")}, variables)
    assert found == [
        "corp-main=https://index.example/simple",
        "a=https://a.example/simple",
        "=https://b.example/simple",
        "=https://c.example",
    ]


@pytest.mark.parametrize("end", ["", "/"])
def test_the_index_of_a_package_is_known_by_the_digest_in_its_identity(tmp_path: Path, end: str) -> None:
    path = plant(tmp_path, {"uv.lock": LOCKED.format(end=end)}) / "uv.lock"
    (package,) = read_lock(path, "uv.lock").packages
    identity = selection.identity(package, selection.Platform(python="3.13.4", machine="x86_64", libc="gnu"), str)
    index = Index("https://user:pw@index.example/simple", "corp")
    found = Indexes((Index("https://other.example", "other"), index), registries({"six": identity}))
    assert found.of_package("six") == index
    assert found.of_package("nothing") is None


@pytest.mark.parametrize(("name", "prefix"), [("corp-main.2", "UV_INDEX_CORP_MAIN_2"), ("", "")])
def test_variables_are_named_for_the_index(name: str, prefix: str) -> None:
    assert Index("https://index.example", name).prefix == prefix


@pytest.mark.parametrize(
    ("environment", "settings", "expected"),
    [
        ({}, {}, None),
        ({}, {"index": [{"name": "a", "url": "u"}, {"name": "b", "url": "v", "default": True}]}, Index("v", "b")),
        ({}, {"index-url": "https://one.example"}, Index("https://one.example")),
        ({"UV_DEFAULT_INDEX": "c=https://c.example"}, {"index-url": "x"}, Index("https://c.example", "c")),
        ({"UV_INDEX_URL": "https://d.example"}, {}, Index("https://d.example")),
    ],
)
def test_the_default_index_is_what_is_asked_without_a_source(
    environment: dict[str, str], settings: dict[str, object], expected: Index | None
) -> None:
    assert default_of(environment, settings) == expected
