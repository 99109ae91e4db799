"""Where the project is, whose lock it uses, and what it declares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import LOCK, PROJECT, PYPROJECT, plant

from uv_buildpack.errors import (
    FileUnreadable,
    LockfileMissing,
    MemberHidden,
    ProjectDirectoryOutside,
    PyprojectInvalid,
    PyprojectMissing,
)
from uv_buildpack.project.files import (
    locate,
    member_directories,
    python_version_file,
    read_project,
    read_pyproject,
    workspace_members,
)

if TYPE_CHECKING:
    from pathlib import Path

WORKSPACE = {
    "pyproject.toml": """
        [project]
        name = "root"
        version = "0.1.0"

        [tool.uv.workspace]
        members = ["packages/*", "tool"]
        exclude = ["packages/old"]
    """,
    "uv.lock": LOCK,
    "packages/api/pyproject.toml": '[project]\nname = "API_Server"\nversion = "1"\n',
    "packages/old/pyproject.toml": '[project]\nname = "old"\nversion = "1"\n',
    "packages/notes/README.md": "no project\n",
    "tool/pyproject.toml": '[project]\nname = "tool"\nversion = "1"\n',
}


def test_a_project_uses_the_lock_beside_it(tmp_path: Path) -> None:
    project = read_project(plant(tmp_path, PROJECT), ".")
    assert project.root is project.pyproject
    assert project.directory == tmp_path
    assert project.lock_path == tmp_path / "uv.lock"
    assert project.pyproject.name == "shop"
    assert project.pyproject.requires_python == ">=3.11"


def test_a_member_uses_the_lock_of_the_workspace_root(tmp_path: Path) -> None:
    project = read_project(plant(tmp_path, WORKSPACE), "packages/api")
    assert project.root.directory == tmp_path
    assert project.directory == tmp_path / "packages" / "api"
    assert project.lock_path == tmp_path / "uv.lock"
    assert project.pyproject.name == "api-server"
    assert project.shown(project.pyproject.path) == "packages/api/pyproject.toml"


def test_a_lock_of_its_own_is_not_that_of_a_member(tmp_path: Path) -> None:
    """As for uv, which looks for the workspace first."""
    member = {"packages/api/pyproject.toml": '[project]\nname = "api"\nversion = "1"', "packages/api/uv.lock": LOCK}
    app = plant(tmp_path / "app", WORKSPACE | member)
    assert read_project(app, "packages/api").lock_path == app / "uv.lock"
    (app / "uv.lock").unlink()
    with pytest.raises(LockfileMissing, match="the app directory"):
        read_project(app, "packages/api")


@pytest.mark.parametrize(
    ("above", "own"),
    [
        ('[tool.uv.workspace]\nmembers = ["libs/*"]', ""),
        ('[project]\nname = "root"\nversion = "1"', ""),
        ('[tool.uv.workspace]\nmembers = ["packages/*"]', "[tool.uv.workspace]\nmembers = []"),
    ],
)
def test_a_project_that_is_nobodys_member_has_its_own_lock(tmp_path: Path, above: str, own: str) -> None:
    project = f'[project]\nname = "api"\nversion = "1"\n{own}'
    files = {"pyproject.toml": above, "uv.lock": LOCK, "packages/api/pyproject.toml": project}
    app = plant(tmp_path / "app", files | {"packages/api/uv.lock": LOCK})
    assert read_project(app, "packages/api").lock_path == app / "packages" / "api" / "uv.lock"


@pytest.mark.parametrize("directory", ["packages/old", "elsewhere"])
def test_a_project_that_is_no_member_cannot_use_the_lock_above(tmp_path: Path, directory: str) -> None:
    plant(tmp_path, {**WORKSPACE, "elsewhere/pyproject.toml": PYPROJECT})
    with pytest.raises(LockfileMissing) as raised:
        read_project(tmp_path, directory)
    assert raised.value.what == f"There is no uv.lock in {directory} or in a workspace root above it."


def test_members_are_found_by_globs_without_the_excluded_ones(tmp_path: Path) -> None:
    plant(tmp_path, WORKSPACE)
    root = read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert workspace_members(root) == [tmp_path / "packages" / "api", tmp_path / "tool"]


def test_members_may_lie_above_the_root(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "root/pyproject.toml": '[tool.uv.workspace]\nmembers = ["../lib", "./own"]\n',
            "lib/pyproject.toml": "",
            "root/own/pyproject.toml": "",
        },
    )
    root = read_pyproject(tmp_path, tmp_path / "root" / "pyproject.toml")
    assert workspace_members(root) == [tmp_path / "lib", tmp_path / "root" / "own"]


def test_a_project_without_a_workspace_has_no_members(tmp_path: Path) -> None:
    plant(tmp_path, PROJECT)
    assert workspace_members(read_pyproject(tmp_path, tmp_path / "pyproject.toml")) == []


def test_a_project_that_is_not_managed_by_uv_is_no_member(tmp_path: Path) -> None:
    members = {
        "packages/core/pyproject.toml": PYPROJECT,
        "packages/legacy/pyproject.toml": f"{PYPROJECT}[tool.uv]\nmanaged = false\n",
        "packages/notes/README.md": "",
    }
    plant(tmp_path, {"pyproject.toml": '[tool.uv.workspace]\nmembers = ["packages/*"]\n', **members})
    root = read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert workspace_members(root) == [tmp_path / "packages" / "core"]
    assert [path.name for path in member_directories(root)] == ["core", "legacy", "notes"]


def test_a_member_below_another_member_is_not_found_from_its_own_directory(tmp_path: Path) -> None:
    plant(
        tmp_path,
        {
            "pyproject.toml": '[tool.uv.workspace]\nmembers = ["a", "a/b"]\n',
            "uv.lock": LOCK,
            "a/pyproject.toml": PYPROJECT,
            "a/b/pyproject.toml": PYPROJECT,
        },
    )
    assert read_project(tmp_path, "a").root.directory == tmp_path
    with pytest.raises(MemberHidden) as raised:
        read_project(tmp_path, "a/b")
    assert "a/pyproject.toml is between" in raised.value.what
    assert "BP_UV_PACKAGE=shop" in raised.value.advice[0]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, {"uv.lock": LOCK})
    (tmp_path / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8-sig")
    (tmp_path / "uv.toml").write_text('required-version = ">=0.9"\n', encoding="utf-8-sig")
    project = read_project(tmp_path, ".")
    assert project.pyproject.name == "shop"
    assert project.root.uv_settings() == {"required-version": ">=0.9"}


def test_a_file_of_several_python_versions_is_the_second_choice(tmp_path: Path) -> None:
    plant(tmp_path, {**PROJECT, ".python-versions": "3.11\n3.12\n"})
    project = read_project(tmp_path, ".")
    assert python_version_file(project) == tmp_path / ".python-versions"
    plant(tmp_path, {".python-version": "3.12\n"})
    assert python_version_file(project) == tmp_path / ".python-version"


def test_a_group_is_for_the_pythons_of_the_groups_that_it_includes(tmp_path: Path) -> None:
    text = """
        [dependency-groups]
        Prod_One = [{ include-group = "base" }]
        base = [{ include-group = "prod-one" }, "six"]
        free = []
        [tool.uv.dependency-groups]
        prod-one = { requires-python = "<3.13" }
        Base = { requires-python = ">=3.11" }
    """
    pyproject = plant(tmp_path, {"pyproject.toml": text}) / "pyproject.toml"
    groups = read_pyproject(tmp_path, pyproject).group_pythons(["prod-one", "free", "none"])
    assert groups == {"prod-one": "<3.13,>=3.11"}


@pytest.mark.parametrize(
    ("directory", "where"), [(".", "the app directory"), ("api", "api"), ("missing/too", "missing/too")]
)
def test_a_missing_project_is_named(tmp_path: Path, directory: str, where: str) -> None:
    (tmp_path / "api").mkdir()
    with pytest.raises(PyprojectMissing) as raised:
        read_project(tmp_path, directory)
    assert raised.value.what == f"There is no pyproject.toml in {where}."


def test_a_missing_lock_is_named(tmp_path: Path) -> None:
    with pytest.raises(LockfileMissing, match="in the app directory"):
        read_project(plant(tmp_path, {"pyproject.toml": PYPROJECT}), ".")


@pytest.mark.parametrize("value", ["..", "../other", "/etc", "api/../.."])
def test_a_project_outside_the_app_is_an_error(tmp_path: Path, value: str) -> None:
    app_dir = plant(tmp_path / "app", PROJECT)
    with pytest.raises(ProjectDirectoryOutside) as raised:
        read_project(app_dir, value)
    assert raised.value.what == f"BP_UV_PROJECT_DIR={value} is outside the app directory."


def test_a_link_out_of_the_app_is_an_error(tmp_path: Path) -> None:
    plant(tmp_path / "other", PROJECT)
    app_dir = plant(tmp_path / "app", PROJECT)
    (app_dir / "api").symlink_to(tmp_path / "other")
    with pytest.raises(ProjectDirectoryOutside):
        read_project(app_dir, "api")


def test_a_link_inside_the_app_leads_to_its_target(tmp_path: Path) -> None:
    plant(tmp_path, WORKSPACE)
    (tmp_path / "current").symlink_to("packages/api")
    assert read_project(tmp_path, "current").directory == tmp_path / "packages" / "api"


def test_an_app_directory_that_is_a_link_keeps_its_name(tmp_path: Path) -> None:
    plant(tmp_path / "real", WORKSPACE)
    (tmp_path / "app").symlink_to("real")
    assert locate(tmp_path / "app", "packages/api") == (tmp_path / "app" / "packages" / "api", tmp_path / "app")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[project", "at end of document"),
        (b'name = "\xff"', "It is not UTF-8 (byte 8)."),
        (b"project = 1", "pyproject.toml: project: expected a table, got 1"),
        (b"[project]\n[tool]\nuv = 1", "pyproject.toml: tool.uv: expected a table, got 1"),
        (b"tool = 1", "pyproject.toml: tool: expected a table, got 1"),
        (b"[tool]\nuv-buildpack = []", "pyproject.toml: tool.uv-buildpack: expected a table, got an array"),
        (b"dependency-groups = []", "pyproject.toml: dependency-groups: expected a table, got an array"),
        (b"[project]\ndynamic = 5", "pyproject.toml: project.dynamic: expected an array, got 5"),
        (b"[project]\nscripts = true", "pyproject.toml: project.scripts: expected a table, got true"),
        (b"[build-system]\nrequires = [1]", "pyproject.toml: build-system.requires[0]: expected a string, got 1"),
        (b"[build-system]\nbuild-backend = []", "build-system.build-backend: expected a string, got an array"),
        (b"[tool.uv]\nno-binary-package = 5", "tool.uv.no-binary-package: expected an array, got 5"),
        (b"[tool.uv.workspace]\nmembers = [1]", "tool.uv.workspace.members[0]: expected a string, got 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_that_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    plant(tmp_path, PROJECT)
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(PyprojectInvalid) as raised:
        read_project(tmp_path, ".")
    assert raised.value.what == "pyproject.toml is not a valid pyproject.toml."
    assert reason in raised.value.facts[0]


def test_the_workspace_roots_file_is_named_when_it_is_the_broken_one(tmp_path: Path) -> None:
    plant(tmp_path, {**WORKSPACE, "pyproject.toml": "["})
    with pytest.raises(PyprojectInvalid, match=r"^pyproject\.toml is not"):
        read_project(tmp_path, "packages/api")


@pytest.mark.parametrize(
    ("text", "packaged"),
    [
        ("", False),
        ("[build-system]\n", True),
        ("[build-system]\n[tool.uv]\npackage = false\n", False),
        ("[tool.uv]\npackage = true\n", True),
    ],
)
def test_a_project_is_a_package_when_uv_says_so(tmp_path: Path, text: str, packaged: bool) -> None:  # noqa: FBT001
    plant(tmp_path, {"pyproject.toml": text})
    assert read_pyproject(tmp_path, tmp_path / "pyproject.toml").is_package() is packaged


def test_a_virtual_root_has_no_name_and_no_requires_python(tmp_path: Path) -> None:
    plant(tmp_path, {"pyproject.toml": "[tool.uv.workspace]\n"})
    root = read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert (root.name, root.requires_python) == (None, None)


def test_the_nearest_python_version_file_counts(tmp_path: Path) -> None:
    plant(tmp_path, {**WORKSPACE, ".python-version": "3.12\n"})
    project = read_project(tmp_path, "packages/api")
    assert python_version_file(project) == tmp_path / ".python-version"
    plant(tmp_path, {"packages/.python-version": "3.13\n"})
    assert python_version_file(project) == tmp_path / "packages" / ".python-version"


def test_a_python_version_file_above_the_app_does_not_count(tmp_path: Path) -> None:
    plant(tmp_path, {".python-version": "3.12\n"})
    assert python_version_file(read_project(plant(tmp_path / "app", PROJECT), ".")) is None


def test_an_absolute_pattern_has_no_members(tmp_path: Path) -> None:
    text = '[tool.uv.workspace]\nmembers = ["/etc/*", "tool"]\n'
    plant(tmp_path, {**WORKSPACE, "pyproject.toml": text})
    assert workspace_members(read_pyproject(tmp_path, tmp_path / "pyproject.toml")) == [tmp_path / "tool"]


def test_development_dependencies_that_are_no_array_are_named(tmp_path: Path) -> None:
    plant(tmp_path, {"pyproject.toml": "[tool.uv]\ndev-dependencies = 3\n"})
    with pytest.raises(PyprojectInvalid) as raised:
        read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert raised.value.facts == ("pyproject.toml: tool.uv.dev-dependencies: expected an array, got 3",)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable) as raised:
        read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert raised.value.facts == ("No such file or directory",)


def test_the_walk_of_a_workspace_does_not_leave_the_app(tmp_path: Path) -> None:
    text = '[tool.uv.workspace]\nmembers = ["../../../../../../../../**", "../**", "*/**/**/*", "out/**", "tool"]\n'
    plant(tmp_path / "elsewhere", WORKSPACE)
    app_dir = plant(tmp_path / "app", {**WORKSPACE, "pyproject.toml": text})
    (app_dir / "out").symlink_to(tmp_path / "elsewhere")
    (app_dir / "circle").symlink_to(".")
    members = workspace_members(read_pyproject(app_dir, app_dir / "pyproject.toml"))
    assert app_dir / "tool" in members
    assert not [path for path in members if "elsewhere" in str(path.resolve())]
