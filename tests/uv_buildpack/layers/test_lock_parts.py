"""The parts of a `pylock.toml` that uv installs from: third-party packages, then local ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.contexts import context_for

from cnb import toml
from uv_buildpack.analysis import analyse
from uv_buildpack.layers import lock_parts
from uv_buildpack.layers.work import begun
from uv_buildpack.uv.installing import FromProject, FromPylock, FromScript, LocalPackages

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYLOCK = """
lock-version = "1.0"
created-by = "hand"
requires-python = ">=3.11"

[[packages]]
name = "six"
version = "1.17.0"
marker = "python_version >= '3.11'"
wheels = [{ url = "https://files.example/six-1.17.0-py2.py3-none-any.whl", hashes = { sha256 = "aa" } }]

[[packages]]
name = "nothing"
version = "1"
marker = "sys_platform == 'win32'"
wheels = [{ url = "https://files.example/nothing-1-py3-none-any.whl", hashes = { sha256 = "aa" } }]

[[packages]]
name = "shop"
directory = { path = ".", editable = true }
"""
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n'
LOCK = (
    'version = 1\nrequires-python = ">=3.11"\n[[package]]\nname = "shop"\nversion = "1"\nsource = { virtual = "." }\n'
)
SCRIPT = "# /// script\n# dependencies = []\n# ///\n"


def test_third_party_packages_are_a_part_of_their_own_with_what_the_platform_needs(tmp_path: Path) -> None:
    context = context_for(tmp_path, {"pylock.toml": PYLOCK, "pyproject.toml": PYPROJECT})
    with begun(context, analyse(context)) as work:
        command = lock_parts.installing(work).third_party(tmp_path / "venv")
        document = toml.load(work.scratch / "pylock.packages.toml")
        assert command[-1] == str(work.scratch / "pylock.packages.toml")
    assert [(package["name"], "marker" in package) for package in document["packages"]] == [("six", False)]


def test_a_file_at_hand_is_the_one_that_is_installed(tmp_path: Path) -> None:
    context = context_for(tmp_path, {"pylock.toml": PYLOCK, "pyproject.toml": PYPROJECT})
    with begun(context, analyse(context)) as work:
        name = "six-1.17.0-py2.py3-none-any.whl"
        supplied = replace(work, files={name: tmp_path / name})
        lock_parts.installing(supplied).third_party(tmp_path / "venv")
        document = toml.load(work.scratch / "pylock.packages.toml")
    assert document["packages"][0]["wheels"][0]["url"] == (tmp_path / name).as_uri()


@pytest.mark.parametrize(("copied", "editable"), [(False, True), (True, False)])
def test_local_packages_are_those_of_the_directory_that_they_are_built_in(
    tmp_path: Path, *, copied: bool, editable: bool
) -> None:
    context = context_for(tmp_path, {"pylock.toml": PYLOCK, "pyproject.toml": PYPROJECT})
    with begun(context, analyse(context)) as work:
        packages = LocalPackages(names=["shop"], copied=copied)
        lock_parts.installing(work).local(tmp_path / "venv", context.app_dir, packages)
        document = toml.load(work.scratch / "pylock.local.toml")
    (shop,) = document["packages"]
    assert shop["directory"] == {"path": str(context.app_dir), "editable": editable}


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"pylock.toml": PYLOCK, "pyproject.toml": PYPROJECT}, FromPylock),
        ({"pyproject.toml": PYPROJECT, "uv.lock": LOCK}, FromProject),
        ({"app.py": SCRIPT, "app.py.lock": 'version = 1\nrequires-python = ">=3.11"\n'}, FromScript),
    ],
)
def test_uv_installs_from_the_kind_of_lock_that_there_is(tmp_path: Path, files: Mapping[str, str], kind: type) -> None:
    context = context_for(tmp_path, files)
    with begun(context, analyse(context)) as work:
        assert type(lock_parts.installing(work)) is kind
