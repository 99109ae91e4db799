"""Another uv from a mirror of its releases."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.fake_uv import fake_uv

from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import ChecksumMismatch, UvVersionInexact, UvVersionUnavailable
from uv_buildpack.uv import releases
from uv_buildpack.uv.version import read_request

if TYPE_CHECKING:
    from pathlib import Path

TRIPLE = "x86_64-unknown-linux-gnu"


def mirror(directory: Path) -> Network:
    """Write a mirror that has uv 0.12.9."""
    place = directory / "mirror/astral-sh/uv/releases/download/0.12.9"
    place.mkdir(parents=True)
    path = place / f"uv-{TRIPLE}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("uv", "uvx"):
            member = tarfile.TarInfo(f"uv-{TRIPLE}/{name}")
            member.mode, member.size = 0o755, len(name)
            archive.addfile(member, io.BytesIO(name.encode()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest} *{path.name}\n")
    return Network(variables={"UV_INSTALLER_GITHUB_BASE_URL": (directory / "mirror").as_uri()})


def install(directory: Path, text: str, network: Network) -> Path:
    request = read_request(text, "BP_UV_VERSION")
    assert request is not None
    (directory / "layer").mkdir()
    with capture_logs():
        return releases.install(directory / "layer", fake_uv(directory, {}).uv, request, TRIPLE, network).binary


def test_only_uv_itself_is_taken(tmp_path: Path) -> None:
    binary = install(tmp_path, "0.12.9", mirror(tmp_path))
    assert binary.read_text() == "uv"
    assert binary.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in (tmp_path / "layer").rglob("*")] == ["bin", "uv"]


def test_a_version_that_the_mirror_has_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UvVersionUnavailable, match=r"0\.12\.8"):
        install(tmp_path, "0.12.8", mirror(tmp_path))


def test_a_mirror_has_no_list_of_versions(tmp_path: Path) -> None:
    with pytest.raises(UvVersionInexact):
        install(tmp_path, ">=0.12", mirror(tmp_path))


def test_an_archive_without_uv_is_an_error(tmp_path: Path) -> None:
    network = mirror(tmp_path)
    (path,) = tmp_path.glob("mirror/**/*.gz")
    with tarfile.open(path, "w:gz"):
        pass
    path.with_name(f"{path.name}.sha256").write_text(hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(UvVersionUnavailable) as raised:
        install(tmp_path, "0.12.9", network)
    assert raised.value.facts[-1] == "There is no uv in the archive."


def test_another_file_is_not_taken(tmp_path: Path) -> None:
    network = mirror(tmp_path)
    (path,) = tmp_path.glob("mirror/**/*.gz")
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ChecksumMismatch):
        install(tmp_path, "0.12.9", network)
