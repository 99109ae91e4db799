"""The check of the lock: what differs between files and lock, and what is made of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import FakeUv, fake_uv, says, writes
from tests.uv_buildpack.trees import LOCK, PROJECT, plant

from uv_buildpack.errors import LockfileOutdated, NetworkUnreachable, PyprojectInvalid
from uv_buildpack.project.files import read_project, read_pyproject
from uv_buildpack.project.lock_check import (
    check_with_uv,
    declared_differences,
    member_differences,
    own_interpreter_fits,
    place_to_check,
)
from uv_buildpack.project.lockfile import Lock, read_lock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEAD = '[project]\nname = "shop"\nversion = "0.1.0"\n'


def differences(directory: Path, pyproject: str, metadata: str) -> list[str]:
    """Compare `pyproject` with the `[package.metadata]` that a lock keeps of it."""
    plant(directory, {"pyproject.toml": pyproject, "uv.lock": f"{LOCK}\n{metadata}"})
    lock = read_lock(directory / "uv.lock", "uv.lock")
    return declared_differences(lock, {"shop": read_pyproject(directory, directory / "pyproject.toml")})


METADATA = """
[package.metadata]
requires-dist = [{ name = "six", specifier = ">=1.16" }]
"""


@pytest.mark.parametrize(
    ("declared", "lines"),
    [
        ('"six>=1.16"', []),
        ('"Six >= 1.16"', []),
        ('"six (>=1.16)"', []),
        ("\"six>=1.16; python_version >= '3.9'\"", []),
        ('"six>=1.17"', ["pyproject.toml: six>=1.17 is six>=1.16 in uv.lock"]),
        ('"six[fast]>=1.16"', ["pyproject.toml: six[fast]>=1.16 is six>=1.16 in uv.lock"]),
        ('"six>=1.16", "httpx<1"', ["pyproject.toml: httpx<1 is not in uv.lock"]),
        ("", ["pyproject.toml: six>=1.16 is only in uv.lock"]),
        ('"six @ https://files.example/six.zip"', ["pyproject.toml: six@ is six>=1.16 in uv.lock"]),
    ],
)
def test_a_changed_dependency_is_a_difference(tmp_path: Path, declared: str, lines: list[str]) -> None:
    assert differences(tmp_path, f"{HEAD}dependencies = [{declared}]\n", METADATA) == lines


def test_a_version_that_is_spelled_differently_is_no_difference(tmp_path: Path) -> None:
    metadata = '[package.metadata]\nrequires-dist = [{ name = "six", specifier = "!=1.5.*,<2,>=1.0rc1" }]'
    assert differences(tmp_path, f'{HEAD}dependencies = ["six>=1.0-rc1,<2,!=1.5.*"]\n', metadata) == []


def test_a_dependency_in_an_extra_is_compared(tmp_path: Path) -> None:
    metadata = """
        [package.metadata]
        requires-dist = [{ name = "six", marker = "extra == 'fast'", specifier = ">=1.16" }]
        provides-extras = ["fast"]
    """
    pyproject = HEAD + '[project.optional-dependencies]\nfast = ["six>=1.16"]\nslow = ["wheel"]\n'
    assert differences(tmp_path, pyproject, metadata) == ["pyproject.toml: wheel is not in uv.lock"]


@pytest.mark.parametrize("own", ["", '{ name = "shop", extras = ["web"], marker = "extra == \'all\'" },'])
def test_an_extra_that_asks_for_another_one_of_its_project_is_in_the_lock_as_what_that_needs(
    tmp_path: Path, own: str
) -> None:
    optional = 'web = ["six>=1.16"]\nall = ["Shop[web]"]'
    pyproject = f"{HEAD}dependencies = []\n[project.optional-dependencies]\n{optional}\n"
    six = '{ name = "six", marker = "extra == \'%s\'", specifier = ">=1.16" }'
    metadata = f"[package.metadata]\nrequires-dist = [{own} {six % 'web'}, {six % 'all'}]\n"
    assert not differences(tmp_path, pyproject, metadata)
    assert differences(tmp_path, pyproject.replace("1.16", "1.17"), metadata)


@pytest.mark.parametrize(
    "source",
    [
        'git = "https://git.example/six?rev=1#0123"',
        'url = "https://files.example/six.zip"',
        'path = "six.whl"',
        'directory = "libs/six"',
        'editable = "libs/six"',
        'virtual = "libs/six"',
    ],
)
def test_a_dependency_with_a_source_has_no_specifier_in_the_lock(tmp_path: Path, source: str) -> None:
    metadata = f'[package.metadata]\nrequires-dist = [{{ name = "six", {source} }}]'
    assert differences(tmp_path, f'{HEAD}dependencies = ["six>=1.16"]\n', metadata) == []
    assert differences(tmp_path, HEAD, metadata) == ["pyproject.toml: six is only in uv.lock"]


def test_a_source_for_some_platforms_is_beside_the_requirement_for_the_others(tmp_path: Path) -> None:
    metadata = """
        [package.metadata]
        requires-dist = [
            { name = "six", marker = "sys_platform != 'win32'", specifier = ">=1.16" },
            { name = "six", marker = "sys_platform == 'win32'", path = "six.whl" },
        ]
    """
    assert differences(tmp_path, f'{HEAD}dependencies = ["six>=1.16"]\n', metadata) == []


GROUPS = """
[dependency-groups]
dev = ["six>=1.16", { include-group = "Lint_Tools" }]
Lint_Tools = ["wheel"]
"""
LOCKED_GROUPS = """
[package.metadata]
[package.metadata.requires-dev]
dev = [{ name = "six", specifier = ">=1.16" }, { name = "wheel" }]
lint-tools = [{ name = "wheel" }]
"""


def test_groups_are_compared_with_those_that_they_include(tmp_path: Path) -> None:
    assert differences(tmp_path, HEAD + GROUPS, LOCKED_GROUPS) == []


def test_a_changed_group_is_a_difference(tmp_path: Path) -> None:
    changed = GROUPS.replace("wheel", "httpx") + 'docs = ["sphinx"]\n'
    assert differences(tmp_path, HEAD + changed, LOCKED_GROUPS) == [
        "pyproject.toml: httpx in group dev is not in uv.lock",
        "pyproject.toml: wheel in group dev is only in uv.lock",
        "pyproject.toml: sphinx in group docs is not in uv.lock",
        "pyproject.toml: httpx in group lint-tools is not in uv.lock",
        "pyproject.toml: wheel in group lint-tools is only in uv.lock",
    ]


@pytest.mark.parametrize(
    "group", ['a = [{ include-group = "b" }]\nb = [{ include-group = "a" }]', "a = [{ include-group = 3 }]"]
)
def test_groups_that_include_each_other_or_nothing_are_left_to_uv(tmp_path: Path, group: str) -> None:
    assert differences(tmp_path, f"{HEAD}[dependency-groups]\n{group}\n", "[package.metadata]") == []


def test_development_dependencies_of_the_former_kind_are_the_group_dev(tmp_path: Path) -> None:
    metadata = '[package.metadata.requires-dev]\ndev = [{ name = "six" }, { name = "wheel" }]'
    pyproject = HEAD + '[dependency-groups]\ndev = ["wheel"]\n[tool.uv]\ndev-dependencies = ["six"]\n'
    assert differences(tmp_path, pyproject, metadata) == []


@pytest.mark.parametrize(
    "pyproject",
    [
        HEAD + 'dynamic = ["dependencies"]\n',
        HEAD + 'dynamic = ["optional-dependencies"]\n',
        '[build-system]\nbuild-backend = "setuptools.build_meta"\n',
        '[tool.poetry.dependencies]\nsix = "^1.16"\n',
    ],
)
def test_dependencies_that_the_file_does_not_declare_are_left_to_uv(tmp_path: Path, pyproject: str) -> None:
    assert differences(tmp_path, pyproject, METADATA) == []


def test_a_lock_without_declarations_is_left_to_uv(tmp_path: Path) -> None:
    assert differences(tmp_path, HEAD + 'dependencies = ["six"]\n', "") == []


def test_a_requirement_that_cannot_be_parsed_is_left_to_uv(tmp_path: Path) -> None:
    assert differences(tmp_path, HEAD + 'dependencies = ["six>=1.16", "??"]\n', METADATA) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[project]\ndependencies = "six"\n', 'pyproject.toml: project.dependencies: expected an array, got "six"'),
        ('[project.optional-dependencies]\nfast = "six"\n', "project.optional-dependencies.fast: expected an array"),
        ("[project]\noptional-dependencies = []\n", "project.optional-dependencies: expected a table, got an array"),
        ('[dependency-groups]\ndev = "six"\n', "dependency-groups.dev: expected an array"),
    ],
)
def test_dependencies_of_the_wrong_type_are_an_error(tmp_path: Path, text: str, reason: str) -> None:
    plant(tmp_path, {"pyproject.toml": text})
    with pytest.raises(PyprojectInvalid) as raised:
        read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert reason in raised.value.facts[0]


WORKSPACE = {
    "pyproject.toml": '[project]\nname = "root"\nversion = "1"\n[tool.uv.workspace]\nmembers = ["*"]\n',
    "api/pyproject.toml": "",
    "worker/pyproject.toml": "",
    "uv.lock": 'version = 1\n[manifest]\nmembers = ["api", "old", "root"]\n',
}


def test_members_of_the_workspace_are_compared(tmp_path: Path) -> None:
    project = read_project(plant(tmp_path, WORKSPACE), ".")
    lock = read_lock(project.lock_path, "uv.lock")
    names = {tmp_path / "api": "api", tmp_path / "worker": "worker"}
    assert member_differences(lock, project, names) == [
        "pyproject.toml: the workspace member worker is not in uv.lock",
        "pyproject.toml: uv.lock lists the member old, which is not in the workspace",
    ]


def test_a_project_without_a_workspace_has_no_members_to_compare(tmp_path: Path) -> None:
    project = read_project(plant(tmp_path, PROJECT), ".")
    assert member_differences(read_lock(project.lock_path, "uv.lock"), project, {}) == []


@pytest.mark.parametrize(("required", "fits"), [(">=3.11", True), ("<3.11", False), (None, True), ("==3.8.*", False)])
def test_the_buildpacks_interpreter_checks_the_lock_where_it_fits(
    tmp_path: Path,
    required: str | None,
    fits: bool,  # noqa: FBT001 (a parametrized value)
) -> None:
    line = f'requires-python = "{required}"\n' if required else ""
    project = read_project(plant(tmp_path, {**PROJECT, "pyproject.toml": HEAD + line}), ".")
    assert own_interpreter_fits(project, "") is fits
    assert own_interpreter_fits(project, "<3.11") is False


def test_a_lock_that_uv_writes_again_as_it_is_fits(tmp_path: Path) -> None:
    with capture_logs() as events:
        check(tmp_path, {"lock*--check": OUTDATED, "lock": "exit 0"})
    assert events[-1]["event"] == "uv.lock fits pyproject.toml: uv writes the same file again"


def test_the_lock_is_checked_in_a_copy_where_a_backend_may_write(tmp_path: Path) -> None:
    project = read_project(plant(tmp_path / "app", PROJECT), ".")
    (tmp_path / "scratch").mkdir()
    assert place_to_check(project, tmp_path / "scratch", dynamic=False) == tmp_path / "app"
    copy = place_to_check(project, tmp_path / "scratch", dynamic=True)
    assert copy.is_relative_to(tmp_path / "scratch")
    assert (copy / "uv.lock").read_text() == LOCK


FITS = {"lock*--check": "exit 0"}
OUTDATED = says(
    "Resolved 3 packages in 1ms\n"
    "error: The lockfile at `uv.lock` needs to be updated, but `--check` was provided.\n\n"
    "hint: To update the lockfile, run `uv lock`.",
    1,
)


def check(directory: Path, answers: Mapping[str, str], *, dynamic: bool = False) -> FakeUv:
    project = read_project(plant(directory / "app", PROJECT), ".")
    (directory / "scratch").mkdir()
    fake = fake_uv(directory, answers)
    answer = partial(fake.uv.check_lock, project.root.directory)
    check_with_uv(answer, fake.uv, project, directory / "scratch", installed, dynamic=dynamic)
    return fake


def installed(lock: Lock) -> dict[str, str]:
    return {package.name: f"{package.version}" for package in lock.packages if not package.local}


def test_a_lock_that_fits_is_said_to_fit(tmp_path: Path) -> None:
    with capture_logs() as events:
        fake = check(tmp_path, FITS)
    assert [(event["kind"], event["event"]) for event in events] == [
        ("command", "uv lock --check"),
        ("step", "uv.lock fits pyproject.toml"),
    ]
    assert [call.arguments for call in fake.calls()] == [["lock", "--check"]]


def test_a_lock_that_fits_but_for_the_projects_version_is_a_warning(tmp_path: Path) -> None:
    answers = {"lock*--check": OUTDATED, "lock": says("Updated shop v0.1.0 -> v0.2.0", 0)}
    with capture_logs() as events:
        fake = check(tmp_path, answers)
    assert events[-1]["kind"] == "warning"
    assert events[-1]["advice"] == ["Update shop v0.1.0 -> v0.2.0", "Run `uv lock` and commit uv.lock."]
    assert fake.calls()[-1].directory == str(tmp_path / "scratch" / "lock-check")


def test_a_lock_with_other_versions_is_an_error_that_names_them(tmp_path: Path) -> None:
    said = "Resolved 4 packages in 1ms\nAdded attrs v26.1.0\nRemoved iniconfig v2.0.0\nUpdated six v1.16.0 -> v1.17.0"
    with pytest.raises(LockfileOutdated) as raised:
        check(tmp_path, {"lock*--check": OUTDATED, "lock": says(said, 0)})
    assert raised.value.facts == ("Add attrs v26.1.0", "Remove iniconfig v2.0.0", "Update six v1.16.0 -> v1.17.0")


def test_where_uv_remembers_what_a_backend_declared_locking_again_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(LockfileOutdated) as raised:
        check(tmp_path, {"lock*--check": OUTDATED, "lock": says("Added attrs v26.1.0", 0)}, dynamic=True)
    assert raised.value.advice == ("Run `uv lock --refresh` and commit uv.lock.",)


def test_a_lock_with_the_same_versions_but_other_edges_is_an_error(tmp_path: Path) -> None:
    new = LOCK + '[[package]]\nname = "six"\nversion = "1.17"\nsource = { registry = "https://index.example" }\n'
    answers = {"lock*--check": OUTDATED, "lock": writes("uv.lock", new) + says("Resolved 3 packages in 1ms", 0)}
    with pytest.raises(LockfileOutdated) as raised:
        check(tmp_path, answers)
    assert raised.value.facts == ("six 1.17 is missing from uv.lock",)


def test_the_apps_own_lock_is_never_written(tmp_path: Path) -> None:
    answers = {"lock*--check": OUTDATED, "lock": writes("uv.lock", LOCK + "# new") + "exit 0"}
    with capture_logs():
        check(tmp_path, answers)
    assert (tmp_path / "app" / "uv.lock").read_text() == LOCK
    assert (tmp_path / "scratch" / "lock-check" / "uv.lock").read_text() != LOCK


def test_a_check_that_fails_for_another_reason_is_that_reason(tmp_path: Path) -> None:
    said = "error: Request failed after 3 retries\n  cause: error sending request for url (https://index.example/six/)"
    with pytest.raises(NetworkUnreachable) as raised:
        check(tmp_path, {"lock*--check": says(said, 2)})
    assert raised.value.facts == tuple(said.splitlines())
