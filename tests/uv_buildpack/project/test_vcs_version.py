"""Versions that come from git, without git."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.project.files import read_pyproject
from uv_buildpack.project.vcs_version import unknown_versions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PROJECT = """
[project]
name = "shop-app"
dynamic = ["version"]

[build-system]
requires = ["hatchling", "TOOL"]
build-backend = "hatchling.build"
"""


def lines(
    root: Path, tool: str, files: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
) -> list[str]:
    plant(root, {"app/pyproject.toml": PROJECT.replace("TOOL", tool), "bin/git": "", **(files or {})})
    (root / "bin" / "git").chmod(0o755)
    pyproject = read_pyproject(root / "app", root / "app" / "pyproject.toml")
    return unknown_versions({"shop-app": pyproject}, root / "app", {"PATH": str(root / "bin"), **(environment or {})})


@pytest.mark.parametrize(
    ("tool", "variable"),
    [
        ("hatch-vcs>=0.4", "SETUPTOOLS_SCM_PRETEND_VERSION"),
        ("Setuptools_SCM[toml]", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP_APP"),
        ("uv-dynamic-versioning", "UV_DYNAMIC_VERSIONING_BYPASS"),
    ],
)
def test_without_git_the_variable_that_gives_the_version_is_named(tmp_path: Path, tool: str, variable: str) -> None:
    (line,) = lines(tmp_path, tool)
    assert f"Set {variable} to" in line
    assert "shop-app" in line
    assert ".git is not in the app directory" in line


@pytest.mark.parametrize(
    ("tool", "variable"),
    [
        ("hatch-vcs", "SETUPTOOLS_SCM_PRETEND_VERSION"),
        ("hatch-vcs", "VCS_VERSIONING_PRETEND_VERSION"),
        ("setuptools-scm", "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_SHOP_APP"),
        ("uv-dynamic-versioning", "UV_DYNAMIC_VERSIONING_BYPASS"),
    ],
)
def test_a_version_that_is_given_is_known(tmp_path: Path, tool: str, variable: str) -> None:
    assert lines(tmp_path, tool, environment={variable: "1.2.3"}) == []


def test_a_repository_that_came_along_is_enough(tmp_path: Path) -> None:
    assert lines(tmp_path, "hatch-vcs", {"app/.git/HEAD": ""}) == []


def test_a_repository_above_the_app_is_not_seen_in_the_build(tmp_path: Path) -> None:
    assert lines(tmp_path, "hatch-vcs", {".git/HEAD": ""})


def test_a_repository_without_git_to_read_it_is_not_enough(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, "hatch-vcs", {"app/.git/HEAD": ""}, {"PATH": "/nowhere"})
    assert "the build image has no git" in line


@pytest.mark.parametrize("tool", ["hatchling", "pdm-backend", "not a requirement"])
def test_other_dynamic_versions_are_nobodys_worry(tmp_path: Path, tool: str) -> None:
    assert lines(tmp_path, tool) == []


def test_a_version_that_is_written_down_is_known(tmp_path: Path) -> None:
    plant(tmp_path, {"pyproject.toml": PROJECT.replace("TOOL", "hatch-vcs").replace("dynamic = [", "other = [")})
    pyproject = read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert unknown_versions({"shop-app": pyproject}, tmp_path, {}) == []
