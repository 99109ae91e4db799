"""`pylock.toml`, read into the values that `uv.lock` is read into, and the packages that are installed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from cnb import toml
from uv_buildpack.errors import LockfileInvalid, LockfileTooNew, UnknownExtra, UnknownGroup
from uv_buildpack.project import pylock, selection
from uv_buildpack.project.lockfile import Artifact, Lock
from uv_buildpack.project.selection import Choice, Platform

if TYPE_CHECKING:
    from pathlib import Path

HEAD = 'lock-version = "1.0"\ncreated-by = "a test"\n'
LINUX = Platform(python="3.13.4", machine="x86_64", libc="gnu")


def package(name: str, more: str = "", version: str = "1.0") -> str:
    wheel = f'{{ url = "https://files.example/{name}-{version}-py3-none-any.whl", hashes = {{ sha256 = "aa" }} }}'
    return f'\n[[packages]]\nname = "{name}"\nversion = "{version}"\n{more}\nwheels = [{wheel}]\n'


def lock_of(directory: Path, *packages: str, head: str = "") -> Lock:
    plant(directory, {"pylock.toml": HEAD + head + "".join(packages)})
    return pylock.read(directory / "pylock.toml", "pylock.toml")


def names(lock: Lock, *, extras: tuple[str, ...] = (), groups: tuple[str, ...] = ()) -> list[str]:
    choice = selection.choose(lock, None, Choice(members=(), extras=extras, groups=groups))
    return [package.name for package in selection.select(lock, choice, LINUX) if package.installed]


MULTIPLE_USE = (
    package("always"),
    package("production", "marker = \"'default' in dependency_groups\""),
    package("tests", "marker = \"'dev' in dependency_groups\""),
    package("postgres", "marker = \"'postgres' in extras and sys_platform == 'linux'\""),
    package("windows", "marker = \"sys_platform == 'win32'\""),
)
CHOICES = 'extras = ["postgres"]\ndependency-groups = ["dev"]\ndefault-groups = ["default"]\n'


def test_markers_say_what_is_installed(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, *MULTIPLE_USE, head=CHOICES)
    assert names(lock) == ["always", "production"]
    assert names(lock, groups=("dev",)) == ["always", "production", "tests"]
    assert names(lock, extras=("postgres",)) == ["always", "postgres", "production"]
    assert names(lock, extras=("*",), groups=("dev",)) == ["always", "postgres", "production", "tests"]


def test_an_extra_or_a_group_that_the_lock_does_not_have_is_an_error(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, *MULTIPLE_USE, head=CHOICES)
    with pytest.raises(Exception, match="mysql") as raised:
        names(lock, extras=("mysql",), groups=("docs",))
    assert [type(problem) for problem in raised.value.problems] == [UnknownExtra, UnknownGroup]  # type: ignore[attr-defined]


def test_of_two_versions_the_marker_chooses(tmp_path: Path) -> None:
    new = package("numpy", "marker = \"python_full_version >= '3.12'\"", "2.0")
    lock = lock_of(tmp_path, package("numpy", "marker = \"python_full_version < '3.12'\""), new)
    choice = selection.choose(lock, None, Choice(members=(), extras=(), groups=()))
    (chosen,) = [package for package in selection.select(lock, choice, LINUX) if package.installed]
    assert chosen.version == "2.0"


def test_each_source_has_its_kind(tmp_path: Path) -> None:
    digest = 'hashes = { md5 = "bb", sha512 = "cc" }'
    lock = lock_of(
        tmp_path,
        '\n[[packages]]\nname = "Own"\ndirectory = { path = ".", editable = true }\n',
        '\n[[packages]]\nname = "copied"\ndirectory = { path = "libs", subdirectory = "copied" }\n',
        '\n[[packages]]\nname = "repository"\n'
        'vcs = { type = "git", url = "https://git.example/r", commit-id = "abc" }\n',
        f'\n[[packages]]\nname = "remote"\narchive = {{ url = "https://files.example/remote-1.tar.gz", {digest} }}\n',
        f'\n[[packages]]\nname = "beside"\narchive = {{ path = "dist/beside-1-py3-none-any.whl", {digest} }}\n',
    )
    assert [(each.name, each.source_kind, each.source, each.local) for each in lock.packages[1:]] == [
        ("own", "editable", ".", True),
        ("copied", "directory", "libs/copied", True),
        ("repository", "git", "https://git.example/r#abc", False),
        ("remote", "url", "https://files.example/remote-1.tar.gz", False),
        ("beside", "path", "dist/beside-1-py3-none-any.whl", True),
    ]
    remote, beside = lock.packages[4:]
    assert remote.sdist == Artifact(filename="remote-1.tar.gz", hash="md5:bb", size=None)
    assert [(wheel.filename, wheel.path) for wheel in beside.wheels] == [
        ("beside-1-py3-none-any.whl", "dist/beside-1-py3-none-any.whl")
    ]


def test_the_name_of_a_file_comes_before_that_in_its_address(tmp_path: Path) -> None:
    wheel = (
        '{ name = "six-1-py3-none-any.whl", url = "https://files.example/42", hashes = { sha256 = "aa" }, size = 7 }'
    )
    lock = lock_of(tmp_path, f'\n[[packages]]\nname = "six"\nwheels = [{wheel}]\n')
    (found,) = lock.packages[1].wheels
    assert found == Artifact(filename="six-1-py3-none-any.whl", hash="sha256:aa", size=7)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lock-version = 1\n", "lock-version: expected a string, got 1"),
        (f'{HEAD}packages = [{{ name = "x" }}]\n', "packages[0]: expected one of wheels, sdist, vcs"),
        (
            f'{HEAD}packages = [{{ name = "x", wheels = [{{ url = "https://x.example/x-1-py3-none-any.whl" }}] }}]\n',
            "packages[0].wheels[0].hashes: expected a table with at least one hash",
        ),
        (
            f'{HEAD}packages = [{{ name = "x", sdist = {{ hashes = {{ sha256 = "aa" }} }} }}]\n',
            "packages[0].sdist: expected one of url, path",
        ),
        (
            f'{HEAD}packages = [{{ name = "x", vcs = {{ type = "hg", url = "u", commit-id = "c" }} }}]\n',
            "packages[0].vcs.type: expected git",
        ),
        (f'{HEAD}environments = ["x"]\n', 'pylock.toml: environments[0]: expected a marker, got "x"'),
        (
            f'{HEAD}packages = [{{ name = "x", marker = "x", directory = {{ path = "." }} }}]\n',
            'packages[0].marker: expected a marker, got "x"',
        ),
        ("lock-version = ]", "line 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, reason: str) -> None:
    plant(tmp_path, {"pylock.toml": text})
    with pytest.raises(LockfileInvalid) as raised:
        pylock.read(tmp_path / "pylock.toml", "pylock.toml")
    assert reason in raised.value.facts[0]
    assert raised.value.advice[0].endswith("write it again with the tool that made it.")


def test_a_newer_format_is_refused_and_a_newer_revision_is_not(tmp_path: Path) -> None:
    plant(tmp_path, {"pylock.toml": 'lock-version = "2.0"\n', "newer/pylock.toml": 'lock-version = "1.1"\n'})
    with pytest.raises(LockfileTooNew, match=r"version 2\.0"):
        pylock.read(tmp_path / "pylock.toml", "pylock.toml")
    assert pylock.read(tmp_path / "newer" / "pylock.toml", "pylock.toml").members == ("pylock.toml",)


def test_a_part_means_the_same_in_another_directory(tmp_path: Path) -> None:
    lock_of(
        tmp_path,
        *MULTIPLE_USE,
        '\n[[packages]]\nname = "own"\nmarker = "sys_platform == \'linux\'"\ndirectory = { path = "./own" }\n',
        '\n[[packages]]\nname = "flat"\n'
        'wheels = [{ path = "dist/flat-1-py3-none-any.whl", hashes = { sha256 = "aa" } }]\n',
        head=CHOICES,
    )
    part = pylock.part(tmp_path / "pylock.toml", {1, 5, 6})
    assert [entry["name"] for entry in part["packages"]] == ["production", "own", "flat"]
    assert not any("marker" in entry for entry in part["packages"])
    assert part["packages"][1]["directory"] == {"path": str(tmp_path / "own")}
    assert part["packages"][2]["wheels"][0]["path"] == str(tmp_path / "dist/flat-1-py3-none-any.whl")
    assert toml.loads(toml.dumps(part)) == part
    assert "default-groups" not in part
