"""Locks of all revisions, and those that cannot be read."""

from __future__ import annotations

import hashlib
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import LOCK, plant

from uv_buildpack.errors import FileUnreadable, LockfileInvalid, LockfileTooNew
from uv_buildpack.project.lockfile import Artifact, Dependency, Lock, LockedPackage, read_lock

if TYPE_CHECKING:
    from pathlib import Path

# An early lock: no revision, no metadata of declarations, files by address.
FIRST = """
version = 1
requires-python = ">=3.12"

[[package]]
name = "Shop_App"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "httpx", extra = ["http2"], marker = "sys_platform == 'linux'" },
]

[[package]]
name = "httpx"
version = "0.28.1"
source = { registry = "https://index.example/simple" }
sdist = { url = "https://index.example/files/httpx-0.28.1.tar.gz", hash = "sha256:aa", size = 10 }
wheels = [
    { url = "https://index.example/files/httpx-0.28.1-py3-none-any.whl", hash = "sha256:bb" },
]
"""

SOURCES = """
version = 1
revision = 3
requires-python = ">=3.12"

[manifest]
members = ["api", "worker"]

[manifest.dependency-groups]
ops = [{ name = "ruff" }]

[[package]]
name = "api"
version = "0.1.0"
source = { virtual = "api" }

[package.optional-dependencies]
fast = [{ name = "ruff", version = "1", source = { registry = "https://index.example/simple" } }]

[package.dev-dependencies]
dev = [{ name = "pytest" }]

[package.metadata]
requires-dist = [{ name = "ruff" }]

[[package]]
name = "worker"
source = { editable = "worker" }

[[package]]
name = "from-git"
version = "1"
source = { git = "https://git.example/x?rev=main#0123456789abcdef0123456789abcdef01234567" }

[[package]]
name = "from-archive"
version = "1"
source = { url = "https://files.example/x.zip", subdirectory = "python" }

[[package]]
name = "from-wheel"
version = "1"
source = { path = "wheels/from_wheel-1-py3-none-any.whl" }
wheels = [{ filename = "from_wheel-1-py3-none-any.whl", hash = "sha256:cc" }]

[[package]]
name = "from-directory"
version = "1"
source = { directory = "libs/x" }
resolution-markers = ["sys_platform == 'linux'"]
"""


ONE = "version = 1\n[[package]]\nname = 'x'\n"
LOCAL = "source = { virtual = '.' }\n"


def read(directory: Path, text: str) -> Lock:
    plant(directory, {"uv.lock": text})
    return read_lock(directory / "uv.lock", "uv.lock")


def named(lock: Lock, name: str) -> LockedPackage:
    (package,) = lock.named(name)
    return package


def test_a_lock_of_the_first_revision_is_read(tmp_path: Path) -> None:
    lock = read(tmp_path, FIRST)
    assert lock.members == ("shop-app",)
    assert lock.requires_python == ">=3.12"
    assert lock.conflicts == ()
    assert lock.digest == hashlib.sha256(FIRST.encode()).hexdigest()
    assert named(lock, "shop-app").dependencies == (
        Dependency(name="httpx", version=None, source=None, extras=("http2",), marker="sys_platform == 'linux'"),
    )
    package = named(lock, "httpx")
    assert (package.source_kind, package.source) == ("registry", "https://index.example/simple")
    assert package.sdist == Artifact(filename="httpx-0.28.1.tar.gz", hash="sha256:aa", size=10)
    assert package.wheels == (Artifact(filename="httpx-0.28.1-py3-none-any.whl", hash="sha256:bb", size=None),)
    assert package.metadata is None


def test_every_kind_of_source_is_read(tmp_path: Path) -> None:
    lock = read(tmp_path, SOURCES)
    assert {package.name: (package.source_kind, package.source) for package in lock.packages} == {
        "api": ("virtual", "api"),
        "worker": ("editable", "worker"),
        "from-git": ("git", "https://git.example/x?rev=main#0123456789abcdef0123456789abcdef01234567"),
        "from-archive": ("url", "https://files.example/x.zip#python"),
        "from-wheel": ("path", "wheels/from_wheel-1-py3-none-any.whl"),
        "from-directory": ("directory", "libs/x"),
    }


def test_packages_whose_files_are_in_the_app_are_local(tmp_path: Path) -> None:
    lock = read(tmp_path, SOURCES)
    assert {package.name for package in lock.packages if package.local} == {
        "api",
        "worker",
        "from-wheel",
        "from-directory",
    }


def test_a_virtual_project_is_not_installed_and_a_dynamic_version_is_none(tmp_path: Path) -> None:
    lock = read(tmp_path, SOURCES)
    assert not named(lock, "api").installed
    assert named(lock, "worker").installed
    assert named(lock, "worker").version is None


def test_members_extras_groups_and_forks_are_read(tmp_path: Path) -> None:
    lock = read(tmp_path, SOURCES)
    assert lock.members == ("api", "worker")
    assert [edge.name for edge in lock.root_groups["ops"]] == ["ruff"]
    api = named(lock, "api")
    assert api.extras["fast"] == (
        Dependency(name="ruff", version="1", source="https://index.example/simple", extras=(), marker=None),
    )
    assert [edge.name for edge in api.groups["dev"]] == ["pytest"]
    assert api.metadata == {"requires-dist": [{"name": "ruff"}]}
    assert named(lock, "from-directory").forks == ("sys_platform == 'linux'",)


def test_fields_and_revisions_of_the_future_are_passed_over(tmp_path: Path) -> None:
    text = FIRST.replace("version = 1\n", "version = 1\nrevision = 99\nweather = 'fine'\n", 1)
    assert [package.name for package in read(tmp_path, text).packages] == ["shop-app", "httpx"]


def test_a_lock_without_packages_is_read(tmp_path: Path) -> None:
    lock = read(tmp_path, "version = 1\n")
    assert (lock.packages, lock.members, lock.requires_python) == ((), (), "")


def test_a_lock_of_another_format_version_is_too_new(tmp_path: Path) -> None:
    with pytest.raises(LockfileTooNew) as raised:
        read(tmp_path, "version = 2\n")
    assert raised.value.what == "uv.lock has lock format version 2; this buildpack knows version 1."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "uv.lock: version: expected an integer, and it is missing"),
        ("version = '1'", 'uv.lock: version: expected an integer, got "1"'),
        ("<<<<<<< HEAD\nversion = 1\n", "line 1"),
        ("version = 1\n[[package]]\nversion = '1'\n", "uv.lock: package[0].source: expected one of"),
        (f"{ONE}source = {{ ftp = '' }}\n", "uv.lock: package[0].source: expected one of registry, git"),
        ("version = 1\npackage = 'x'\n", 'uv.lock: package: expected an array, got "x"'),
        (f"{ONE}source = {{ virtual = 1 }}\n", "uv.lock: package[0].source.virtual: expected a string, got 1"),
        ("version = 1\nmanifest = []\n", "uv.lock: manifest: expected a table, got an array"),
        ("version = 1\nmanifest.members = [1]\n", "uv.lock: manifest.members[0]: expected a string, got 1"),
        (f"{ONE}{LOCAL}wheels = [{{ hash = 5 }}]", "uv.lock: package[0].wheels[0].hash: expected a string, got 5"),
        (f"{ONE}{LOCAL}wheels = [{{ size = true }}]", "package[0].wheels[0].size: expected an integer, got true"),
        (f"{ONE}{LOCAL}dependencies = [{{ name = 'y', extra = [1] }}]", "package[0].dependencies[0].extra[0]"),
        (
            f"{ONE}{LOCAL}resolution-markers = [2020-01-01]",
            'resolution-markers[0]: expected a string, got "2020-01-01"',
        ),
        (f"{ONE}{LOCAL}metadata.requires-dist = [{{ name = 'y', specifier = '~~1' }}]", "expected a version specifier"),
        (f"{ONE}{LOCAL}optional-dependencies.'a b' = 1", 'package[0].optional-dependencies."a b": expected an array'),
        (f'{ONE}source = {{ editable = "a\\u0000b" }}', "source.editable: expected a path"),
        (
            f"{ONE}{LOCAL}dependencies = [{{ name = 'y', marker = 'x' }}]",
            "package[0].dependencies[0].marker: expected a marker",
        ),
        (f"{ONE}{LOCAL}resolution-markers = ['x']", 'package[0].resolution-markers[0]: expected a marker, got "x"'),
        ("version = 1\nsupported-markers = ['x']\n", 'uv.lock: supported-markers[0]: expected a marker, got "x"'),
        ("version = 1\nconflicts = [1]\n", "uv.lock: conflicts[0]: expected an array, got 1"),
        ("version = 1\nconflicts = [[1]]\n", "uv.lock: conflicts[0][0]: expected a table, got 1"),
        ("version = 1\nconflicts = [[{ package = 1 }]]\n", "conflicts[0][0].package: expected a string, got 1"),
        (f"version = 1\nx = {'1' * 5000}", "a number or a date cannot be read"),
        (f"version = 1\nx = {'[' * 5000}", "nested too deeply"),
    ],
)
def test_a_broken_lock_is_an_error_that_says_why(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(LockfileInvalid) as raised:
        read(tmp_path, text)
    assert raised.value.what == "uv.lock is not a valid lockfile."
    assert reason in raised.value.facts[0]


def test_a_lock_that_is_not_utf8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_bytes(b"\xff\xfe")
    with pytest.raises(LockfileInvalid):
        read_lock(tmp_path / "uv.lock", "uv.lock")


DAMAGED = {
    "a hash": FIRST.replace('"sha256:bb"', "3"),
    "a marker": FIRST.replace("\"sys_platform == 'linux'\"", "3"),
    "a version": FIRST.replace('"0.28.1"', "3"),
    "metadata": FIRST + "metadata = 3\n",
    "a list of requirements": FIRST + "[package.metadata]\nrequires-dist = 3\n",
    "a requirement": FIRST + '[package.metadata]\nrequires-dist = ["six"]\n',
    "a specifier": FIRST + '[package.metadata]\nrequires-dist = [{ name = "six", specifier = "newest" }]\n',
    "groups": FIRST + "[package.metadata]\nrequires-dev = []\n",
    "extras": FIRST + "[package.metadata]\nprovides-extras = [3]\n",
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_value_of_the_wrong_type_is_said_when_the_lock_is_read(tmp_path: Path, text: str) -> None:
    with pytest.raises(LockfileInvalid):
        read_lock(plant(tmp_path, {"uv.lock": text}) / "uv.lock", "uv.lock")


def test_a_lock_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match=r"uv\.lock cannot be read"):
        read_lock(tmp_path, "uv.lock")


@pytest.mark.parametrize(
    "file",
    [
        'url = "https://index.example/whl/torch-2.9.1%2Bcpu-cp313-cp313-linux_x86_64.whl"',
        'url = "https://index.example/whl/torch-2.9.1+cpu-cp313-cp313-linux_x86_64.whl?token=x#egg=torch"',
        'path = "wheels/torch-2.9.1+cpu-cp313-cp313-linux_x86_64.whl"',
        'filename = "torch-2.9.1+cpu-cp313-cp313-linux_x86_64.whl"',
    ],
)
def test_the_name_of_a_file_is_the_one_that_it_has_on_a_disk(tmp_path: Path, file: str) -> None:
    text = FIRST.replace('url = "https://index.example/files/httpx-0.28.1-py3-none-any.whl"', file)
    lock = read_lock(plant(tmp_path, {"uv.lock": text}) / "uv.lock", "uv.lock")
    (found,) = lock.named("httpx")
    assert found.wheels[0].filename == "torch-2.9.1+cpu-cp313-cp313-linux_x86_64.whl"


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text(LOCK, encoding="utf-8-sig")
    assert read_lock(tmp_path / "uv.lock", "uv.lock").members == ("shop",)


def test_files_of_an_index_in_the_app_directory_have_a_path(tmp_path: Path) -> None:
    text = """
        [[package]]
        name = "beside"
        version = "1.0"
        source = { registry = "vendor/flat" }
        sdist = { path = "beside-1.0.tar.gz" }
        wheels = [
            { path = "beside-1.0-py3-none-any.whl" },
            { url = "file:///mirror/beside%2B-1.0-py2-none-any.whl", hash = "sha256:aa" },
            { url = "https://files.example/beside-1.0-py2.py3-none-any.whl", hash = "sha256:bb" },
        ]
    """
    plant(tmp_path, {"uv.lock": LOCK + dedent(text)})
    (package,) = read_lock(tmp_path / "uv.lock", "uv.lock").named("beside")
    assert package.sdist == Artifact(
        filename="beside-1.0.tar.gz", hash="", size=None, path="vendor/flat/beside-1.0.tar.gz"
    )
    assert [(wheel.filename, wheel.path) for wheel in package.wheels] == [
        ("beside-1.0-py3-none-any.whl", "vendor/flat/beside-1.0-py3-none-any.whl"),
        ("beside+-1.0-py2-none-any.whl", "/mirror/beside+-1.0-py2-none-any.whl"),
        ("beside-1.0-py2.py3-none-any.whl", None),
    ]


def test_conflicts_and_the_pythons_of_groups_are_read(tmp_path: Path) -> None:
    head = """
        conflicts = [[{ package = "Shop", extra = "cpu" }, { package = "shop", group = "gpu" }, { package = "other" }]]
        [manifest.group-requires-python]
        tools = ">=3.12"
    """
    text = (
        LOCK.replace("\n[[package]]", f"{dedent(head)}\n[[package]]")
        + '[package.group-requires-python]\nold = "<3.12"\n'
    )
    plant(tmp_path, {"uv.lock": text})
    lock = read_lock(tmp_path / "uv.lock", "uv.lock")
    assert [[str(item) for item in items] for items in lock.conflicts] == [
        ["the extra cpu of shop", "the group gpu of shop", "the package other"]
    ]
    assert lock.root_group_pythons == {"tools": ">=3.12"}
    assert lock.packages[0].group_pythons == {"old": "<3.12"}
    assert lock.revision == 3
