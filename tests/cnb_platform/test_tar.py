"""Archives: the header rules, against the format's own words and against an independent reader."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import tarfile
from typing import TYPE_CHECKING

import pytest

from cnb_platform import tar
from cnb_platform.errors import ExportFailed
from cnb_platform.tar import Owner

if TYPE_CHECKING:
    from pathlib import Path

OWNER = Owner(1000, 1001)


def golden(name: bytes, *, size: int = 0, kind: bytes = b"5", mode: bytes = b"0000755", prefix: bytes = b"") -> bytes:
    """Return a header block, field by field as POSIX ustar has them."""
    fields = [
        name.ljust(100, b"\0"),
        mode + b"\0",
        b"0001750\0",  # 1000
        b"0001751\0",  # 1001
        b"%011o\0" % size,
        b"02263523001\0",  # 315532801
        b" " * 8,
        kind,
        bytes(100),
        b"ustar\x0000",
        bytes(64),
        b"0000000\x000000000\0",
        prefix.ljust(155, b"\0"),
        bytes(12),
    ]
    block = b"".join(fields)
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def test_a_directory_has_no_trailing_slash_and_zero_devices() -> None:
    assert tar.header(tar.directory("/layers/lab_sh", OWNER)) == golden(b"/layers/lab_sh")


def test_a_long_name_is_split_at_the_last_slash_that_leaves_the_prefix_short_enough() -> None:
    # Both slashes would do; tarfile takes the first, Go the last.
    prefix, name = b"/" + b"a" * 60 + b"/" + b"b" * 40, b"c" * 30
    entry = tar.directory((prefix + b"/" + name).decode(), OWNER)
    assert tar.header(entry) == golden(name, prefix=prefix)


def test_a_name_of_a_hundred_bytes_is_not_split() -> None:
    name = b"/" + b"a" * 49 + b"/" + b"b" * 49
    assert tar.header(tar.directory(name.decode(), OWNER)) == golden(name)


def test_a_name_that_cannot_be_split_gets_a_pax_record() -> None:
    name = "/layers/" + "x" * 120
    block = tar.header(tar.file(name, b"", OWNER))
    assert len(block) == 3 * 512
    assert block[:100].rstrip(b"\0") == b"/layers/PaxHeaders.0/" + b"x" * 79
    assert block[100:156] == b"0000000\0" * 3 + b"00000000212\0" + b"00000000000\0" + block[148:156]
    assert block[156:157] == b"x"
    assert block[329:345] == bytes(16)  # the devices of a PAX header are empty
    assert block[512:1024].rstrip(b"\0") == b"138 path=" + name.encode() + b"\n"
    assert block[1024:1124] == name.encode()[:100]


def test_a_non_ascii_name_loses_its_letters_in_the_plain_field_only() -> None:
    block = tar.header(tar.directory("/layers/dé/naïve", OWNER))
    assert block[:100].rstrip(b"\0") == b"/layers/d/PaxHeaders.0/nave"
    assert block[512:1024].rstrip(b"\0") == "27 path=/layers/dé/naïve\n".encode()
    assert block[1024:1124].rstrip(b"\0") == b"/layers/d/nave"


def test_a_long_link_target_gets_a_record_of_its_own() -> None:
    target = "t" * 101
    block = tar.header(tar.symlink("/a", target, OWNER))
    assert block[512:1024].rstrip(b"\0") == b"115 linkpath=" + target.encode() + b"\n"
    assert block[1024 + 157 : 1024 + 257] == target.encode()[:100]


@pytest.mark.parametrize("length", range(85, 105))
def test_a_record_counts_its_own_digits(length: int) -> None:
    block = tar.header(tar.symlink("/a", "é" + "t" * length, OWNER))
    record = block[512:1024].rstrip(b"\0")
    assert int(record.split(b" ", 1)[0]) == len(record)


def test_a_cut_name_does_not_end_in_a_slash() -> None:
    name = "/" + "a" * 98 + "/" + "é"  # without é the name is 100 bytes long and ends in a slash
    longer = name + "b" * 200
    assert tar.header(tar.directory(longer, OWNER))[-512:][:100] == b"/" + b"a" * 98 + b"\0"


def names(tree: Path) -> list[str]:
    pieces = b"".join(tar.stream(tar.tree(tree, "/root", OWNER)))
    with tarfile.open(fileobj=io.BytesIO(pieces)) as members:
        return [member.name.removeprefix("/") for member in members]


def test_siblings_are_in_byte_order_by_name_and_not_by_path(tmp_path: Path) -> None:
    for name in ("b", "b-x", "é", "B"):
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "z").write_text("")
    (tmp_path / "b.d").write_text("")
    assert names(tmp_path) == ["root", "root/B", "root/b", "root/b/z", "root/b-x", "root/b.d", "root/é"]


def test_an_independent_reader_finds_what_is_on_disk(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"s" * 513)
    (tmp_path / "large").write_bytes(os.urandom(3_000_000))
    (tmp_path / "large").chmod(0o4751)
    (tmp_path / "link").symlink_to("small")
    os.link(tmp_path / "small", tmp_path / "twin")
    pieces = b"".join(tar.stream(tar.tree(tmp_path, "/root", OWNER)))
    assert pieces.endswith(bytes(1024))
    assert len(pieces) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(pieces)) as archive:
        members = {member.name.removeprefix("/"): member for member in archive}
        assert {member.mtime for member in members.values()} == {315532801}
        assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(1000, 1001, "")}
        assert members["root/large"].mode == 0o4751
        assert members["root/link"].linkname == "small"
        assert members["root/twin"].isreg(), "hard links are stored as full files"
        for name in ("small", "large", "twin"):
            content = archive.extractfile(members[f"root/{name}"])
            assert content is not None
            assert content.read() == (tmp_path / name).read_bytes()


def test_a_socket_is_left_out(tmp_path: Path) -> None:
    directory = tmp_path / "s"
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as opened:
        before = os.open(".", os.O_RDONLY)
        os.chdir(directory)  # the path of a socket is short
        try:
            opened.bind("sock")
        finally:
            os.fchdir(before)
            os.close(before)
    assert names(directory) == ["root"]


def test_a_fifo_cannot_be_exported(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ExportFailed, match="pipe is neither a file, a directory nor a symbolic link"):
        names(tmp_path)


def test_a_file_that_grows_while_it_is_read_stops_the_export(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x")
    entries = list(tar.tree(tmp_path, "/root", OWNER))
    (tmp_path / "log").write_bytes(b"xy")
    with pytest.raises(ExportFailed, match="changed while it was being exported"):
        list(tar.stream(entries))


def test_gzip_has_neither_name_nor_time_and_level_one() -> None:
    target = io.BytesIO()
    written = tar.write_gzip([b"a" * 1000, b"b"], target)
    packed = target.getvalue()
    assert packed[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\x03"
    assert written.size == len(packed)
    assert written.digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert written.diff_id == f"sha256:{hashlib.sha256(b'a' * 1000 + b'b').hexdigest()}"
