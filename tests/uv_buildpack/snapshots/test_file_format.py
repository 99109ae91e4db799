"""Snapshots: whole or not there, and kept only where they serve."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from uv_buildpack.downloads import zstandard
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.file_format import Memory

KEY = {"python": "3.13.4", "packages": "{}"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    directory = tmp_path / "tree"
    (directory / "bin").mkdir(parents=True)
    (directory / "bin" / "run").write_text("#!/bin/sh\n", encoding="utf-8")
    (directory / "bin" / "run").chmod(0o755)
    (directory / "python").symlink_to("/elsewhere/python")
    (directory / "dangling").symlink_to("nowhere")
    (directory / "empty").mkdir(mode=0o700)
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = tmp_path / "snapshots"
    directory.mkdir()
    return directory


def listing(directory: Path) -> dict[str, tuple[int, str]]:
    """Return what a layer's digest depends on: names, modes, contents and link targets."""
    found = {}
    for path in sorted(directory.rglob("*")):
        content = str(path.readlink()) if path.is_symlink() else path.read_text() if path.is_file() else "/"
        found[str(path.relative_to(directory))] = (path.lstat().st_mode, content)
    return found


def test_a_tree_comes_back_as_it_was(directory: Path, tree: Path, tmp_path: Path) -> None:
    assert file_format.keep(directory, "venv", tree, KEY)
    snapshot = file_format.find(directory, "venv")
    assert snapshot is not None
    assert snapshot.key == KEY
    target = tmp_path / "target"
    target.mkdir()
    file_format.unpack(snapshot, target)
    assert listing(target) == listing(tree)


def test_names_and_modes_of_any_kind_come_back(directory: Path, tree: Path, tmp_path: Path) -> None:
    (tree / "odd").mkdir()
    for name in (b"\xff not UTF-8", b"a new\nline", "ünïcode".encode(), b'"quoted"', b" ", b"back\\slash"):
        (tree / "odd" / os.fsdecode(name)).write_text(str(name), encoding="utf-8")
        (tree / "odd" / os.fsdecode(name + b"-link")).symlink_to(os.fsdecode(name))
    (tree / "secret").write_text("x" * 3_000_000, encoding="utf-8")
    (tree / "secret").chmod(0o400)
    (tree / "nothing").write_text("", encoding="utf-8")
    (tree / "nothing").chmod(0o4755)
    assert file_format.keep(directory, "venv", tree, KEY)
    snapshot = file_format.find(directory, "venv")
    assert snapshot is not None
    target = tmp_path / "target"
    target.mkdir()
    before = os.umask(0o077)
    file_format.unpack(snapshot, target)
    os.umask(before)
    assert listing(target) == listing(tree)


@pytest.mark.parametrize("full", [".venv.payload", ".venv.snapshot"])
def test_a_full_disk_costs_the_snapshot_not_the_build(directory: Path, tree: Path, full: str) -> None:
    file_format.keep(directory, "venv", tree, {"python": "of before"})
    (directory / full).symlink_to("/dev/full")
    with capture_logs() as events:
        assert not file_format.keep(directory, "venv", tree, KEY)
    assert "No snapshot of venv is kept: No space left" in events[0]["event"]
    assert list(directory.iterdir()) == []


def test_nothing_but_the_snapshot_is_left(directory: Path, tree: Path) -> None:
    file_format.keep(directory, "venv", tree, KEY)
    assert [path.name for path in directory.iterdir()] == ["venv.snapshot"]


@pytest.mark.parametrize("place", [0, 20, -1])
def test_a_flipped_byte_is_noticed_and_named(directory: Path, tree: Path, place: int) -> None:
    file_format.keep(directory, "venv", tree, KEY)
    path = directory / "venv.snapshot"
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(content)
    with capture_logs() as events:
        assert file_format.find(directory, "venv") is None
    assert "venv.snapshot" in events[0]["event"]
    assert not path.exists()


def test_a_cut_off_snapshot_is_noticed(directory: Path, tree: Path) -> None:
    file_format.keep(directory, "venv", tree, KEY)
    path = directory / "venv.snapshot"
    path.write_bytes(path.read_bytes()[:-10])
    assert file_format.find(directory, "venv") is None


def test_a_snapshot_of_another_scheme_is_not_used(directory: Path, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file_format.keep(directory, "venv", tree, KEY)
    monkeypatch.setattr(file_format, "SCHEME", "other")
    assert file_format.find(directory, "venv") is None


def test_a_tree_that_does_not_compress_below_the_limit_is_not_kept(directory: Path, tree: Path) -> None:
    (tree / "noise").write_bytes(os.urandom(20_000))
    file_format.keep(directory, "venv", tree, KEY)
    assert not file_format.keep(directory, "venv", tree, KEY, limit=10_000)
    assert list(directory.iterdir()) == []


def test_a_key_that_was_seen_and_missed_makes_a_kind_wanted() -> None:
    before = Memory(keys={"python": "a"}, wanted={})
    assert file_format.patience(before, "python", "a", hot=False) > 0
    assert file_format.patience(before, "python", "b", hot=False) == 0
    assert file_format.patience(before, "python", "a", hot=True) <= 0


def test_patience_ends_after_hot_builds() -> None:
    left = file_format.patience(Memory(keys={"python": "a"}, wanted={}), "python", "a", hot=False)
    builds = 0
    while left > 0:
        left = file_format.patience(Memory(keys={"python": "a"}, wanted={"python": left}), "python", "a", hot=True)
        builds += 1
    assert builds == 10


def test_what_is_remembered_survives_and_damage_means_nothing_is_known(directory: Path) -> None:
    memory = Memory(keys={"venv": "k"}, wanted={"venv": 3})
    file_format.remember(directory, memory)
    assert file_format.recall(directory) == memory
    (directory / "marker.json").write_text("{", encoding="utf-8")
    assert file_format.recall(directory) == Memory(keys={}, wanted={})


def test_what_nobody_knows_is_removed(directory: Path, tree: Path) -> None:
    file_format.keep(directory, "venv", tree, KEY)
    file_format.keep(directory, "packages-old", tree, KEY)
    (directory / ".venv.payload").write_bytes(b"of a killed build")
    (directory / "directory").mkdir()
    file_format.forget_others(directory, {"venv"})
    assert [path.name for path in directory.iterdir()] == ["venv.snapshot"]


def test_a_key_that_was_changed_is_noticed(directory: Path, tree: Path) -> None:
    file_format.keep(directory, "venv", tree, KEY)
    path = directory / "venv.snapshot"
    path.write_bytes(path.read_bytes().replace(b"3.13.4", b"3.13.5", 1))
    with capture_logs() as events:
        assert file_format.find(directory, "venv") is None
    assert "its header was changed" in events[0]["event"]


@pytest.mark.parametrize(
    "text", ["3", "[]", '{"keys": [], "wanted": {}}', '{"keys": {}, "wanted": {"venv": "x"}}', "{"]
)
def test_a_marker_of_another_shape_is_no_marker(directory: Path, text: str) -> None:
    (directory / "marker.json").write_text(text, encoding="utf-8")
    assert file_format.recall(directory) == Memory(keys={}, wanted={})


def test_directories_are_not_kept(directory: Path) -> None:
    (directory / "marker.json").mkdir()
    (directory / "venv.snapshot").mkdir()
    file_format.forget_others(directory, {"venv"})
    assert list(directory.iterdir()) == []


def forged(directory: Path, entries: object, content: bytes = b"") -> file_format.Snapshot:
    """Write a snapshot as somebody would who can write to the cache: with the right digest and seal."""
    payload = io.BytesIO()
    with zstandard.opened(payload, level=1) as stream:
        stream.write(json.dumps(entries).encode() + b"\n" + content)
    header: dict[str, object] = {"scheme": file_format.SCHEME, "kind": "venv", "key": KEY}
    header["digest"] = hashlib.sha256(payload.getvalue()).hexdigest()
    header["seal"] = hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
    (directory / "venv.snapshot").write_bytes(json.dumps(header, sort_keys=True).encode() + b"\n" + payload.getvalue())
    snapshot = file_format.find(directory, "venv")
    assert snapshot is not None
    return snapshot


FILE, DIRECTORY, LINK = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755, stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    "entries",
    [
        [["../escaped", FILE, 1]],
        [["escaped", DIRECTORY, 0], ["escaped/../../escaped", FILE, 1]],
        [["/escaped", FILE, 1]],
        [["..", DIRECTORY, 0]],
        [["link", LINK, ".."], ["link/escaped", FILE, 1]],
        [["", FILE, 1]],
        [["escaped", 0o644, 1]],
        [["escaped", stat.S_IFIFO | 0o644, 1]],
        [["escaped", FILE, "1"]],
        [["escaped", FILE]],
        [["escaped", LINK, 1]],
        {"escaped": 1},
        [3],
    ],
)
def test_a_forged_snapshot_writes_nothing_outside_of_its_target(
    directory: Path, tmp_path: Path, entries: object
) -> None:
    snapshot = forged(directory, entries, b"x")
    target = tmp_path / "somewhere" / "target"
    target.mkdir(parents=True)
    with pytest.raises(ValueError, match=r"leads out of it|list of files is damaged"):
        file_format.unpack(snapshot, target)
    assert list(target.parent.iterdir()) == [target]
    assert not Path("/escaped").exists()


@pytest.mark.parametrize(
    "marker",
    ["[]", "{}", '{"keys": [], "wanted": {}}', '{"keys": {}, "wanted": {"venv": Infinity}}', "[" * 100_000],
)
def test_a_damaged_marker_remembers_nothing(directory: Path, marker: str) -> None:
    (directory / "marker.json").write_text(marker, encoding="utf-8")
    assert file_format.recall(directory) == file_format.Memory(keys={}, wanted={})


def test_a_pipe_in_place_of_the_marker_is_not_waited_for(directory: Path) -> None:
    os.mkfifo(directory / "marker.json")
    assert file_format.recall(directory) == file_format.Memory(keys={}, wanted={})
