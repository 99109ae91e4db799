"""Unpacking archives."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from uv_buildpack.downloads.archive import extract
from uv_buildpack.errors import ArchiveInvalid

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode, info.mtime, info.uid = kind, link, mode, 1_700_000_000, 1234
    info.size = len(name) if kind == tarfile.REGTYPE else 0
    return info


def pack(path: Path, *entries: tarfile.TarInfo, suffix: str = "gz") -> Path:
    """Write an archive in which each file contains its own name."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as tar:
        for info in entries:
            tar.addfile(info, io.BytesIO(info.name.encode()))
    archive = path / f"archive.tar.{suffix}"
    if suffix == "zst":
        archive.write_bytes(zstd.compress(plain.getvalue(), options={zstd.CompressionParameter.checksum_flag: 1}))
    else:
        with tarfile.open(archive, "w:gz") as tar:
            for info in entries:
                tar.addfile(info, io.BytesIO(info.name.encode()))
    return archive


@pytest.fixture
def target(tmp_path: Path) -> Path:
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


@pytest.fixture(params=[0o022, 0o077, 0])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_files_and_links_are_unpacked_without_the_leading_directory(tmp_path: Path, target: Path, suffix: str) -> None:
    archive = pack(
        tmp_path,
        entry("./python", tarfile.DIRTYPE),
        entry("python/bin/python3.13", mode=0o755),
        entry("python/bin/python3", tarfile.SYMTYPE, "python3.13"),
        entry("python/lib/deep/link", tarfile.SYMTYPE, "../../bin/python3"),
        entry("python/bin/hard", tarfile.LNKTYPE, "python/bin/python3.13"),
        suffix=suffix,
    )
    extract(archive, target, strip_components=1)
    assert (target / "lib/deep/link").read_text(encoding="utf-8") == "python/bin/python3.13"
    assert (target / "bin/hard").read_text(encoding="utf-8") == "python/bin/python3.13"
    assert (target / "bin/python3").readlink().as_posix() == "python3.13"


@pytest.mark.usefixtures("umask")
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, target: Path) -> None:
    archive = pack(tmp_path, entry("d/plain", mode=0o600), entry("d/program", mode=0o6711), entry("e", tarfile.DIRTYPE))
    extract(archive, target)
    modes = {path.name: path.stat().st_mode & 0o7777 for path in target.rglob("*")}
    assert modes == {"d": 0o755, "plain": 0o644, "program": 0o755, "e": 0o755}


def test_what_is_not_wanted_is_left_out(tmp_path: Path, target: Path) -> None:
    archive = pack(tmp_path, entry("a/keep"), entry("a/drop"))
    extract(archive, target, wanted=lambda path: path.name != "drop")
    assert [path.name for path in (target / "a").iterdir()] == ["keep"]


def test_a_later_entry_replaces_an_earlier_one(tmp_path: Path, target: Path) -> None:
    archive = pack(tmp_path, entry("a", tarfile.SYMTYPE, "b"), entry("b"), entry("a"))
    extract(archive, target)
    assert not (target / "a").is_symlink()


@pytest.mark.parametrize(
    "entries",
    [
        [entry("/etc/passwd")],
        [entry("../outside")],
        [entry("a/../../outside")],
        [entry("a", tarfile.SYMTYPE, "/etc/passwd")],
        [entry("a", tarfile.SYMTYPE, "..")],
        [entry("a/b", tarfile.SYMTYPE, "../../outside")],
        [entry("a", tarfile.SYMTYPE, "b/../../outside")],
        [entry("here", tarfile.SYMTYPE, "."), entry("up", tarfile.SYMTYPE, "here/..")],
        [entry("a", tarfile.SYMTYPE, "b"), entry("a/c")],
        [entry("a", tarfile.LNKTYPE, "../outside")],
        [entry("a", tarfile.LNKTYPE, "/etc/passwd")],
        [entry("a", tarfile.SYMTYPE, "b"), entry("c", tarfile.LNKTYPE, "a")],
        [entry("a", tarfile.LNKTYPE, "missing")],
        [entry("a", tarfile.CHRTYPE)],
        [entry("a", tarfile.BLKTYPE)],
        [entry("a", tarfile.FIFOTYPE)],
        [entry("a", tarfile.DIRTYPE), entry("a")],
        [entry("a"), entry("a/b")],
    ],
    ids=lambda entries: " ".join(f"{info.name}{'>' + info.linkname if info.linkname else ''}" for info in entries),
)
def test_nothing_leaves_the_target(tmp_path: Path, target: Path, entries: list[tarfile.TarInfo]) -> None:
    with pytest.raises(ArchiveInvalid):
        extract(pack(tmp_path, *entries), target)
    assert {path.name for path in tmp_path.iterdir()} == {"target", "archive.tar.gz"}


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_damaged_archive_is_named(tmp_path: Path, target: Path, suffix: str) -> None:
    archive = pack(tmp_path, *(entry(f"{number}-{os.urandom(40).hex()}") for number in range(50)), suffix=suffix)
    whole = archive.read_bytes()
    for content in (b"", b"no archive", whole[:-60], whole[:40], whole[:80] + b"\0\1\2\3" * 20 + whole[160:]):
        archive.write_bytes(content)
        with pytest.raises(ArchiveInvalid, match=f"archive.tar.{suffix}"):
            extract(archive, target)


def test_an_archive_that_unpacks_to_more_than_its_limit_is_refused(tmp_path: Path, target: Path) -> None:
    archive = pack(tmp_path, entry("a/one"), entry("a/skipped"))
    with pytest.raises(ArchiveInvalid, match=r"cpython\.tar\.gz cannot be unpacked") as raised:
        extract(archive, target, shown="cpython.tar.gz", max_bytes=10, wanted=lambda path: path.name == "one")
    assert raised.value.facts == ("it unpacks to more than 0 MiB",)


def test_an_archive_of_endless_entries_is_refused(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("uv_buildpack.downloads.archive._MOST_ENTRIES", 3)
    with pytest.raises(ArchiveInvalid) as raised:
        extract(pack(tmp_path, *(entry(f"a{number}") for number in range(4))), target)
    assert raised.value.facts == ("it has more than 3 entries",)


@pytest.mark.parametrize(
    "entries",
    [
        [entry("x" * 300)],
        [entry("a", tarfile.SYMTYPE, "x" * 5000)],
        [entry("/".join(["x" * 200] * 30))],
        [entry("a", tarfile.DIRTYPE), entry("b", tarfile.LNKTYPE, "a")],
        [entry("b", tarfile.LNKTYPE, "nothing")],
        [entry("a"), entry("a/b")],
    ],
)
def test_what_no_file_system_takes_is_the_fault_of_the_archive(
    tmp_path: Path, target: Path, entries: list[tarfile.TarInfo]
) -> None:
    with pytest.raises(ArchiveInvalid):
        extract(pack(tmp_path, *entries), target)


def test_headers_that_are_chained_without_end_are_refused(tmp_path: Path, target: Path) -> None:
    chain = tarfile.TarInfo.create_pax_global_header({"comment": "x"})
    archive = tmp_path / "chained.tar.gz"
    archive.write_bytes(gzip.compress(chain * 3000 + entry("a").tobuf() + b"\0" * 1024))
    with pytest.raises(ArchiveInvalid) as raised:
        extract(archive, target)
    assert raised.value.facts == ("its headers are chained too deeply",)
