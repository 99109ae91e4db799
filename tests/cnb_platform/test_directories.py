"""Claiming the directories that a build's paths are made of."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cnb_platform import directories
from cnb_platform.directories import MARKER, NotFree, Pair, claim, copy_app, copy_readable, reachable, remove_tree
from cnb_platform.tar import Owner


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path / "x" / "layers", tmp_path / "x" / "workspace")


def test_directories_are_empty_while_they_are_claimed_and_gone_afterwards(pair: Pair) -> None:
    with claim(pair, keep=False):
        assert [path.name for path in pair.layers.iterdir()] == [MARKER]
        assert not list(pair.app.iterdir())
        assert (pair.layers.stat().st_mode & 0o7777, pair.app.stat().st_mode & 0o7777) == (0o755, 0o777)
        (pair.layers / "deep").mkdir()
        (pair.layers / "deep" / "file").write_text("")
        (pair.layers / "deep").chmod(0o500)
    assert not pair.layers.exists()
    assert not pair.app.exists()


def test_a_directory_in_use_is_not_free(pair: Pair) -> None:
    with claim(pair, keep=False), pytest.raises(NotFree, match="is in use"), claim(pair, keep=False):
        pytest.fail("claimed twice")


def test_directories_are_in_use_while_a_program_works_in_them_whose_platform_was_killed(pair: Pair) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from cnb_platform.command import Command, follow; from cnb_platform.directories import Pair, claim\n"
        "with claim(Pair(Path(sys.argv[1]), Path(sys.argv[2])), keep=False):\n"
        "    follow(Command(argv=('sh', '-c', 'echo $$; exec sleep 60'), cwd='/', environment=None),"
        " lambda said: print(said.decode(), flush=True))\n"
    )
    argv = [sys.executable, "-c", program, str(pair.layers), str(pair.app)]
    environment = {**os.environ, "PYTHONPATH": str(Path(directories.__file__).parents[1])}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as platform:
        assert platform.stdout is not None
        program_id = int(platform.stdout.readline())
        platform.kill()
        platform.wait()
        with pytest.raises(NotFree, match="is in use"), claim(pair, keep=False):
            pytest.fail("claimed while a program works there")
        os.kill(program_id, signal.SIGKILL)
    lock = os.open(pair.layers, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # until it is gone
    os.close(lock)
    with claim(pair, keep=False):
        assert not list(pair.app.iterdir())


def test_somebody_else_s_files_are_not_touched(pair: Pair) -> None:
    for path in (pair.layers, pair.app):
        path.mkdir(parents=True)
        (path / "precious").write_text("")
        with pytest.raises(NotFree, match="is not empty"), claim(pair, keep=False):
            pytest.fail("claimed")
        assert (path / "precious").exists()
        (path / "precious").unlink()


def test_what_a_killed_build_left_is_cleaned(pair: Pair) -> None:
    with claim(pair, keep=True):
        (pair.layers / "old").write_text("")
        (pair.app / "old").write_text("")
    with claim(pair, keep=False):
        assert not (pair.layers / "old").exists()
        assert not (pair.app / "old").exists()
    assert not pair.layers.exists()


def test_what_a_build_left_that_was_killed_while_it_claimed_is_cleaned(pair: Pair) -> None:
    pair.layers.mkdir(parents=True)
    (pair.layers / MARKER).touch()
    with claim(pair, keep=True):
        (pair.app / "main.py").touch()
    marker = (pair.layers / MARKER).stat()
    with claim(pair, keep=True):
        assert not list(pair.app.iterdir())
        assert (pair.layers / MARKER).stat() == marker


def test_another_app_directory_is_not_part_of_what_a_killed_build_left(pair: Pair, tmp_path: Path) -> None:
    with claim(pair, keep=True):
        pass
    project = tmp_path / "project"
    project.mkdir()
    (project / "precious").write_text("")
    with pytest.raises(NotFree, match="project is not empty"), claim(Pair(pair.layers, project), keep=False):
        pytest.fail("claimed")
    assert (project / "precious").exists()


def test_an_empty_directory_that_was_there_stays(pair: Pair) -> None:
    pair.layers.mkdir(parents=True)
    with claim(pair, keep=False):
        pass
    assert pair.layers.exists()
    assert not pair.app.exists()


def test_a_place_where_nothing_can_be_made_is_not_free(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFree), claim(Pair(tmp_path / "file" / "layers", tmp_path / "app"), keep=False):
        pytest.fail("claimed")


def test_an_app_is_copied_with_modes_and_links_and_without_results(tmp_path: Path) -> None:
    source, target = tmp_path / "app", tmp_path / "copy"
    (source / "d").mkdir(parents=True)
    (source / "d" / "f").write_text("x")
    (source / "d" / "f").chmod(0o640)
    (source / "l").symlink_to("missing")
    (source / "image").mkdir()
    copy_app(source, target, {source / "image"})
    assert sorted(path.name for path in target.iterdir()) == ["d", "l"]
    assert (target / "d" / "f").stat().st_mode & 0o7777 == 0o640
    assert target.stat().st_mode & 0o7777 == 0o777


def test_a_readable_copy_has_the_modes_of_a_package(tmp_path: Path) -> None:
    source = tmp_path / "bp"
    (source / "bin").mkdir(parents=True, mode=0o700)
    for name, mode in (("bin/build", 0o700), ("buildpack.toml", 0o600)):
        (source / name).write_text("")
        (source / name).chmod(mode)
    copy_readable(source, tmp_path / "copy")
    modes = {path.relative_to(tmp_path).as_posix(): path.stat().st_mode & 0o777 for path in tmp_path.rglob("copy/**/*")}
    assert modes == {"copy/bin": 0o755, "copy/bin/build": 0o755, "copy/buildpack.toml": 0o644}


def test_a_closed_directory_above_makes_a_path_unreachable_for_others(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "file").write_text("")
    stranger, mine = Owner(4711, 4711), Owner(closed.stat().st_uid, closed.stat().st_gid)
    assert not reachable(closed / "file", stranger)
    closed.chmod(0o711)
    assert reachable(closed / "file", stranger) == reachable(closed, stranger)
    assert reachable(closed / "file", mine)


def test_a_read_only_tree_can_be_removed(tmp_path: Path) -> None:
    (tmp_path / "t" / "a" / "b").mkdir(parents=True)
    (tmp_path / "t" / "a" / "b").chmod(0o500)
    (tmp_path / "t" / "a").chmod(0o500)
    remove_tree(tmp_path / "t")
    assert not (tmp_path / "t").exists()
