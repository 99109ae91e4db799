"""Digests of trees: what counts, and what does not."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import FileUnreadable
from uv_buildpack.project.tree import (
    changed_since,
    copy,
    digest,
    directories,
    file_digest,
    listing,
    remove_new_directories,
    vcs_state,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILES = {"pyproject.toml": "", "src/shop/__init__.py": "x = 1\n", "run.sh": "#!/bin/sh\n"}


def add(name: str, text: str = "") -> Callable[[Path], object]:
    return lambda root: plant(root, {name: text})


def touch(root: Path) -> None:
    for path in root.rglob("*"):
        os.utime(path, (1, 1))


def widen(root: Path) -> None:
    (root / "run.sh").chmod(0o666)


def make_executable(root: Path) -> None:
    (root / "run.sh").chmod(0o755)


def rename(root: Path) -> None:
    (root / "run.sh").rename(root / "start.sh")


def link(root: Path) -> None:
    (root / "link").symlink_to("src")


def make_environment(root: Path) -> None:
    plant(root, {".venv/pyvenv.cfg": "", ".venv/lib/six.py": ""})
    (root / ".venv" / "bin").mkdir()
    (root / ".venv" / "bin" / "python").symlink_to("/gone")


@pytest.mark.parametrize(
    "change",
    [
        touch,
        widen,
        add("src/shop/__pycache__/shop.pyc"),
        make_environment,
        add(".git/index", "times"),
    ],
)
def test_the_digest_does_not_change_by_what_is_no_source(tmp_path: Path, change: Callable[[Path], object]) -> None:
    plant(tmp_path, {**FILES, ".git/HEAD": "ref: refs/heads/main\n"})
    before = digest(tmp_path)
    change(tmp_path)
    assert digest(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [
        make_executable,
        rename,
        link,
        add("src/shop/__init__.py", "x = 2\n"),
        add("src/shop/new.py"),
        add("src/shop/data.txt"),
        add("src/shop/static/node_modules/x.js"),
        add(".venv/template.html"),
        add(".git/HEAD", "ref: refs/heads/other\n"),
        add(".git/refs/tags/v2", "0123\n"),
        add(".git/packed-refs", "0123 refs/tags/v3\n"),
    ],
)
def test_the_digest_changes_by_everything_that_is_source(tmp_path: Path, change: Callable[[Path], object]) -> None:
    plant(tmp_path, {**FILES, ".git/HEAD": "ref: refs/heads/main\n"})
    before = digest(tmp_path)
    change(tmp_path)
    assert digest(tmp_path) != before


def test_a_link_counts_by_its_target(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("a")
    before = digest(tmp_path)
    (tmp_path / "link").unlink()
    (tmp_path / "link").symlink_to("b")
    assert digest(tmp_path) != before


def test_the_state_of_git_above_a_package_counts_for_it(tmp_path: Path) -> None:
    plant(tmp_path, {".git/HEAD": "0123\n", "packages/api/pyproject.toml": ""})
    assert vcs_state(tmp_path / "packages" / "api") == ["HEAD 0123\n"]


def test_a_file_has_the_digest_of_its_content(tmp_path: Path) -> None:
    plant(tmp_path, {"a": ""})
    assert file_digest(tmp_path / "a") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_files_that_are_new_or_changed_are_listed(tmp_path: Path) -> None:
    plant(tmp_path, {"same": "1", "changed": "1", "gone": "1"})
    before = listing(tmp_path)
    plant(tmp_path, {"changed": "22", "new/file": "1"})
    (tmp_path / "gone").unlink()
    assert changed_since(tmp_path, before) == [tmp_path / "changed", tmp_path / "new" / "file"]


def test_directories_that_are_new_are_removed_as_far_as_they_are_empty(tmp_path: Path) -> None:
    plant(tmp_path, {"a/keep": "", "old/x": ""})
    (tmp_path / "empty").mkdir()
    before = directories(tmp_path)
    plant(tmp_path, {"target/used/x": ""})
    for name in ("target/release/deps", "target/debug", "a/b"):
        (tmp_path / name).mkdir(parents=True)
    remove_new_directories(tmp_path, before)
    assert directories(tmp_path) - before == {tmp_path / "target", tmp_path / "target" / "used"}
    assert before <= directories(tmp_path)


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    before = digest(plant(tmp_path / "app", FILES))
    os.mkfifo(tmp_path / "app" / "src" / "pipe")
    assert digest(tmp_path / "app") != before
    copied = copy(tmp_path / "app", tmp_path / "copy")
    assert digest(copied) == before


def test_a_copy_has_all_that_is_source(tmp_path: Path) -> None:
    plant(
        tmp_path / "app",
        {**FILES, ".git/HEAD": "", "web/node_modules/x.js": "", "a/__pycache__/a": "", "template/pyvenv.cfg": ""},
    )
    make_environment(tmp_path / "app")
    (tmp_path / "app" / "src").chmod(0o555)
    (tmp_path / "app" / "current").symlink_to("gone")
    copied = copy(tmp_path / "app", tmp_path / "copy")
    assert sorted(path.relative_to(copied).as_posix() for path in copied.rglob("*") if not path.is_dir()) == [
        ".git/HEAD",
        "current",
        "pyproject.toml",
        "run.sh",
        "src/shop/__init__.py",
        "template/pyvenv.cfg",
        "web/node_modules/x.js",
    ]
    # Backends write into their tree.
    assert (copied / "src").stat().st_mode & 0o700 == 0o700


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="gone cannot be read"):
        digest(tmp_path / "gone")
