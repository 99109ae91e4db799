"""What the buildpack reads in a lock is what uv installs, and what it says about a lock is what uv says."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from structlog.testing import capture_logs
from uv import find_uv_bin

from uv_buildpack.errors import LockfileOutdated
from uv_buildpack.project import lock_check, selection
from uv_buildpack.project.files import read_project, read_pyproject
from uv_buildpack.project.lockfile import Lock, read_lock
from uv_buildpack.uv.running import Bound, Uv, environment_for, with_python

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

PLATFORM = selection.Platform(python=platform.python_version(), machine=platform.machine(), libc="gnu")
CONFLICTS = """
[project.optional-dependencies]
old = ["alpha==1.0"]
new = ["alpha==1.1"]

[dependency-groups]
before = ["beta==1.0"]
after = ["beta==1.1"]

[tool.uv]
conflicts = [[{ extra = "old" }, { extra = "new" }], [{ group = "before" }, { group = "after" }]]
"""
EXTRAS = """
[project.optional-dependencies]
Big_One = ["alpha"]
all = ["app[big-one]", "gamma"]

[dependency-groups]
Some_Tools = ["tester", { include-group = "more" }]
more = ["beta==1.0"]
"""
MARKERS = (
    "alpha==1.0; python_version < '3.12'",
    "alpha==1.1; python_version >= '3.12'",
    "gamma; sys_platform == 'win32'",
    "tester; platform_machine == 'x86_64' or platform_machine == 'aarch64'",
)


def real_uv(cache: Path) -> Uv:
    """Return the uv of the development environment, as the buildpack runs it."""
    uv = Uv(binary=Path(find_uv_bin()), environment=environment_for(os.environ, bound=Bound(), cache_dir=cache))
    return with_python(uv, Path(sys.executable))


def installed_by_uv(app: App, root: Path, arguments: list[str], directory: str = ".") -> set[tuple[str, str]]:
    """Return what `uv sync` would install of third-party packages; local ones come without a version."""
    uv = real_uv(root / "cache")
    done = subprocess.run(
        [uv.binary, "sync", "--frozen", "--no-default-groups", "--dry-run", "--output-format", "json", *arguments],
        cwd=app.directory / directory,
        env={**uv.environment, "UV_PROJECT_ENVIRONMENT": str(root / "no-environment")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    changes = json.loads(done.stdout)["sync"]["changes"]
    return {(change["name"], change["version"]) for change in changes if "version" in change}


def installed_by_us(app: App, choice: selection.Choice, directory: str = ".") -> set[tuple[str, str | None]]:
    """Return what the walk through the lock selects."""
    found = read_project(app.directory, directory)
    lock = read_lock(found.lock_path, "uv.lock")
    selected = selection.select(lock, selection.choose(lock, found.pyproject.name, choice), PLATFORM)
    return {(package.name, package.version) for package in selected if not package.local}


CHOICES = [
    pytest.param(CONFLICTS, (), (), id="neither side of a conflict"),
    pytest.param(CONFLICTS, ("old",), (), id="one side of a conflict"),
    pytest.param(CONFLICTS, ("new",), ("before",), id="sides of two conflicts"),
    pytest.param(EXTRAS, (), (), id="no extra"),
    pytest.param(EXTRAS, ("all",), (), id="an extra of extras"),
    pytest.param(EXTRAS, ("*",), ("some-tools",), id="all extras and a group"),
]


@pytest.mark.parametrize(("more", "extras", "groups"), CHOICES)
def test_extras_and_groups_select_what_uv_installs(  # noqa: PLR0913, PLR0917 (fixtures and one case)
    app: App, index: PackageIndex, tmp_path: Path, more: str, extras: tuple[str, ...], groups: tuple[str, ...]
) -> None:
    app.write({"pyproject.toml": project("app", ("gamma",), index=index.address, more=more)})
    app.lock()
    arguments = ["--all-extras" if name == "*" else f"--extra={name}" for name in extras]
    arguments += [f"--group={name}" for name in groups]
    choice = selection.Choice(members=(), extras=extras, groups=groups)
    assert installed_by_us(app, choice) == installed_by_uv(app, tmp_path, arguments)


def test_markers_and_forks_select_what_uv_installs(app: App, index: PackageIndex, tmp_path: Path) -> None:
    app.write({"pyproject.toml": project("app", MARKERS, index=index.address)})
    app.lock()
    choice = selection.Choice(members=(), extras=(), groups=())
    assert installed_by_us(app, choice) == installed_by_uv(app, tmp_path, [])


ROOT = """
[tool.uv.workspace]
members = ["one", "two"]

[dependency-groups]
tools = ["tester"]
shared = ["gamma"]
"""
TWO = """
[dependency-groups]
shared = ["beta==1.0"]

[tool.uv.sources]
one = { workspace = true }
"""


@pytest.mark.parametrize(
    ("directory", "packages", "groups"),
    [
        (".", (), ()),
        (".", ("one",), ()),
        (".", ("two",), ("tools",)),
        (".", ("two",), ("shared",)),
        ("two", (), ("shared",)),
        ("one", (), ("shared", "tools")),
    ],
)
def test_members_and_groups_of_the_root_select_what_uv_installs(  # noqa: PLR0913, PLR0917 (fixtures and one case)
    app: App,
    index: PackageIndex,
    tmp_path: Path,
    directory: str,
    packages: tuple[str, ...],
    groups: tuple[str, ...],
) -> None:
    root = f'{ROOT}\n[[tool.uv.index]]\nurl = "{index.address}"\ndefault = true\n'
    members = {
        "one/pyproject.toml": project("one", ("alpha==1.0",)),
        "two/pyproject.toml": project("two", ("one",), more=TWO),
    }
    app.write({"pyproject.toml": root, **members})
    app.lock()
    arguments = [*(f"--package={name}" for name in packages), *(f"--group={name}" for name in groups)]
    choice = selection.Choice(members=packages, extras=(), groups=groups)
    assert installed_by_us(app, choice, directory) == installed_by_uv(app, tmp_path, arguments, directory)


@pytest.mark.parametrize(
    "dependencies",
    [("fastapi[standard]",), ("pandas", "matplotlib"), ("jupyterlab",), ("celery[redis]", "psycopg[binary]")],
    ids=lambda dependencies: dependencies[0],
)
def test_real_locks_select_what_uv_installs(app: App, tmp_path: Path, dependencies: tuple[str, ...]) -> None:
    app.write({"pyproject.toml": project("app", dependencies).replace(">=3.9", ">=3.11")})
    app.lock()
    choice = selection.Choice(members=(), extras=(), groups=())
    assert installed_by_us(app, choice) == installed_by_uv(app, tmp_path, [])


def installed(lock: Lock) -> dict[str, str]:
    choice = selection.choose(lock, "app", selection.Choice(members=(), extras=(), groups=()))
    selected = selection.select(lock, choice, PLATFORM)
    return {package.name: str(package.version) for package in selected if not package.local}


def check(app: App, root: Path) -> list[str]:
    """Pass both steps of the check and return the kinds of what is said."""
    found = read_project(app.directory, ".")
    lock = read_lock(found.lock_path, "uv.lock")
    declared = lock_check.declared_differences(lock, {"app": read_pyproject(app.directory, found.pyproject.path)})
    assert declared == []
    (root / "scratch").mkdir()
    with capture_logs() as events:
        uv = real_uv(root / "cache")
        answer = partial(uv.check_lock, app.directory)
        lock_check.check_with_uv(answer, uv, found, root / "scratch", installed, dynamic=False)
    return [event["kind"] for event in events if event["kind"] != "command"]


@pytest.fixture
def locked(app: App, index: PackageIndex) -> App:
    """A project with a dependency for some platforms, and a group."""
    dependencies = ("alpha==1.0", "gamma; sys_platform == 'win32'")
    more = '[dependency-groups]\ndev = ["tester"]\n'
    app.write({"pyproject.toml": project("app", dependencies, index=index.address, more=more)})
    app.lock()
    return app


def test_a_lock_that_fits_passes(locked: App, tmp_path: Path) -> None:
    assert check(locked, tmp_path) == ["step"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('version = "1.0"', 'version = "2.0"'),
        ("gamma; sys_platform == 'win32'", "gamma; os_name == 'nt'"),
        ('requires-python = ">=3.9"', 'requires-python = ">=3.10"'),
    ],
)
def test_a_difference_that_changes_nothing_is_a_warning(locked: App, tmp_path: Path, old: str, new: str) -> None:
    locked.edit("pyproject.toml", old, new)
    before = (locked.directory / "uv.lock").read_bytes()
    assert check(locked, tmp_path) == ["warning"]
    assert (locked.directory / "uv.lock").read_bytes() == before


def test_a_difference_in_a_marker_that_changes_what_is_installed_is_an_error(locked: App, tmp_path: Path) -> None:
    locked.edit("pyproject.toml", "gamma; sys_platform == 'win32'", "gamma; sys_platform != 'win32'")
    with pytest.raises(LockfileOutdated) as raised:
        check(locked, tmp_path)
    assert raised.value.facts == ("gamma 1.0 is missing from uv.lock",)


def test_a_difference_that_only_uv_sees_is_named_by_package(locked: App, tmp_path: Path) -> None:
    locked.edit(
        "pyproject.toml",
        "[dependency-groups]",
        "[tool.uv]\noverride-dependencies = ['alpha==1.1']\n[dependency-groups]",
    )
    with pytest.raises(LockfileOutdated) as raised:
        check(locked, tmp_path)
    assert raised.value.facts == ("Update alpha v1.0 -> v1.1",)
