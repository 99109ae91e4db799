"""Which settings of uv reach builds, and which packages are built though they have wheels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import PROJECT, PYPROJECT, plant

from cnb.documents import DocumentError
from uv_buildpack.project.build_settings import of_project, rules
from uv_buildpack.project.files import Project, read_project

if TYPE_CHECKING:
    from pathlib import Path


def project(root: Path, settings: str = "", uv_toml: str | None = None) -> Project:
    files = {**PROJECT, "pyproject.toml": f"{PYPROJECT}\n[tool.uv]\n{settings}\n"}
    return read_project(plant(root, files if uv_toml is None else {**files, "uv.toml": uv_toml}), ".")


def test_settings_that_reach_builds_are_taken_and_others_are_not(tmp_path: Path) -> None:
    made = project(tmp_path, 'no-binary-package = ["numpy"]\nresolution = "lowest"\n[tool.uv.config-settings]\na = "b"')
    assert of_project(made) == {"no-binary-package": ["numpy"], "config-settings": {"a": "b"}}


def test_uv_toml_hides_the_table_as_it_does_for_uv(tmp_path: Path) -> None:
    assert of_project(project(tmp_path, "no-binary = true", "no-build-isolation = true\n")) == {
        "no-build-isolation": True
    }


def test_a_byte_order_mark_before_uv_toml_is_passed_over_as_by_uv(tmp_path: Path) -> None:
    assert of_project(project(tmp_path, "", "\ufeffno-binary = true\n")) == {"no-binary": True}


def test_a_broken_uv_toml_is_left_to_uv(tmp_path: Path) -> None:
    assert of_project(project(tmp_path, "no-binary = true", "[")) == {}


@pytest.mark.parametrize(
    ("environment", "settings", "built"),
    [
        ({}, "", []),
        ({"UV_NO_BINARY": "1"}, "", ["numpy", "six"]),
        ({"UV_NO_BINARY": "false"}, "", []),
        ({"UV_NO_BINARY": "Y"}, "", ["numpy", "six"]),
        ({"UV_NO_BINARY_PACKAGE": "Six other"}, "", ["six"]),
        ({}, "no-binary = true", ["numpy", "six"]),
        ({}, 'no-binary-package = ["NumPy"]', ["numpy"]),
    ],
)
def test_packages_are_built_though_they_have_wheels_where_that_is_set(
    tmp_path: Path, environment: dict[str, str], settings: str, built: list[str]
) -> None:
    chosen = rules(environment, project(tmp_path, settings))
    assert [name for name in ("numpy", "six") if chosen.source_only(name)] == built


@pytest.mark.parametrize(
    ("environment", "settings", "seeing"),
    [
        ({}, "", []),
        ({"UV_NO_BUILD_ISOLATION": "1"}, "", ["numpy", "six"]),
        ({}, "no-build-isolation = true", ["numpy", "six"]),
        ({}, 'no-build-isolation-package = ["NumPy"]', ["numpy"]),
    ],
)
def test_packages_are_built_without_isolation_where_that_is_set(
    tmp_path: Path, environment: dict[str, str], settings: str, seeing: list[str]
) -> None:
    chosen = rules(environment, project(tmp_path, settings))
    assert [name for name in ("numpy", "six") if chosen.unisolated(name)] == seeing


def test_what_a_build_takes_from_the_environment_is_what_says_match_runtime(tmp_path: Path) -> None:
    settings = """
        [tool.uv.extra-build-dependencies]
        Flash_Attn = [{ requirement = "Torch>=2", match-runtime = true }, { requirement = "ninja" }, "wheel"]
        plain = ["setuptools"]
    """
    assert rules({}, project(tmp_path, settings)).against == {"flash-attn": ("torch",)}


def test_lists_and_tables_of_both_files_count(tmp_path: Path) -> None:
    own = project(tmp_path, 'no-binary-package = ["a"]\nno-binary = false\n[tool.uv.config-settings]\none = "1"')
    users = tmp_path / "users.toml"
    users.write_text('no-binary-package = ["b"]\nno-binary = true\n[config-settings]\none = "2"\ntwo = "2"\n')
    assert of_project(own, users) == {
        "no-binary-package": ["a", "b"],
        "no-binary": False,
        "config-settings": {"one": "1", "two": "2"},
    }


@pytest.mark.parametrize(("own", "users"), [('["a"]', '"b"'), ('"a"', '["b"]'), ('["a"]', "{ b = 1 }")])
def test_where_both_files_have_values_of_different_kinds_the_projects_counts(
    tmp_path: Path, own: str, users: str
) -> None:
    (tmp_path / "users.toml").write_text(f"config-settings-package = {users}\n")
    chosen = of_project(project(tmp_path, f"config-settings-package = {own}"), tmp_path / "users.toml")
    assert chosen == of_project(project(tmp_path, f"config-settings-package = {own}"))


def test_what_is_wrong_in_the_users_file_is_named_by_its_whole_path(tmp_path: Path) -> None:
    users = tmp_path / "users.toml"
    users.write_text('no-binary-package = ["a", 3]\n')
    with pytest.raises(DocumentError) as raised:
        of_project(project(tmp_path, ""), users)
    assert str(raised.value) == f"{users}: no-binary-package[1]: expected a string, got 3"
