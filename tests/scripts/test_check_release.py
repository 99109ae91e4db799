"""`scripts/check-release`: on archives laid out as the releases, whole and spoilt, for another machine."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from tests.uv_buildpack.interpreter.standalone import Link, Release, write

from release_check.claims import check
from release_check.cli import newest_of_each
from release_check.release import NotARelease, read
from uv_buildpack.interpreter.catalogue import CPythonBuild

FOREIGN = "aarch64" if platform.machine() == "x86_64" else "x86_64"
RELEASES = [
    Release(version="3.10.22", arch=FOREIGN),
    Release(version="3.13.18", arch=FOREIGN, freethreaded=True),
    Release(version="3.15.2", arch=FOREIGN, libc="musl"),
]


def contradictions(archive: Path, scratch: Path) -> dict[str, list[str]]:
    scratch.mkdir()
    return {claim: wrong for claim, wrong in check(read(archive), scratch) if wrong}


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_a_release_of_the_known_layout_holds_every_claim(release: Release, tmp_path: Path) -> None:
    write(tmp_path / release.path, release.contents())
    assert contradictions(tmp_path / release.path, tmp_path / "scratch") == {}


@pytest.mark.parametrize(
    ("spoilt", "claim"),
    [
        ({"lib/libnovelty.so": b""}, "each name is one that is kept or left out on purpose"),
        ({"bin/novelty": b""}, "each name is one that is kept or left out on purpose"),
        ({"PYTHON.json": b"{}"}, "each name is one that is kept or left out on purpose"),
        ({"lib/python3.15/os.pyc": b""}, "it brings no bytecode"),
        ({"lib/python3.15/gone.py": Link("ensurepip/__init__.py")}, "no link leads nowhere after pruning"),
        (
            {"lib/python3.15/build-details.json": b'{"base_prefix": ["-iquote/install/x", "/tools/bin"]}'},
            "no text that is used in builds names the place of its own build",
        ),
    ],
)
def test_what_is_new_in_a_release_is_named(spoilt: dict[str, bytes | Link], claim: str, tmp_path: Path) -> None:
    release = Release(version="3.15.2", arch=FOREIGN)
    write(tmp_path / release.path, release.contents() | spoilt)
    assert claim in contradictions(tmp_path / release.path, tmp_path / "scratch")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    release = Release(version="3.15.2", arch=FOREIGN)
    contents = {path: content for path, content in release.contents().items() if not path.startswith("include/")}
    write(tmp_path / release.path, contents)
    found = contradictions(tmp_path / release.path, tmp_path / "scratch")
    assert found["interpreter, headers and library are where they are looked for"] == ["include/python3.15/Python.h"]
    assert "headers are kept" in found


@pytest.mark.parametrize("name", ["python.tar.gz", "cpython-3.15.2+20261110-x86_64-unknown-linux-gnu-full.tar.gz"])
def test_a_file_of_another_name_is_no_release(name: str, tmp_path: Path) -> None:
    with pytest.raises(NotARelease, match="is not the name of a release"):
        read(tmp_path / name)


def test_a_damaged_archive_is_no_release(tmp_path: Path) -> None:
    archive = tmp_path / Path(Release().path).name
    archive.write_bytes(b"damaged")
    with pytest.raises(NotARelease, match="cannot be read"):
        read(archive)


def test_the_newest_of_each_minor_and_variant_is_checked() -> None:
    def build(version: str, **other: str) -> CPythonBuild:
        facts = {"date": "20260101", "arch": "x86_64", "libc": "gnu", "variant": "default", "path": "", "sha256": ""}
        return CPythonBuild(version=version, **{**facts, **other})

    wanted = [build("3.13.10"), build("3.14.2"), build("3.14.1", variant="freethreaded")]
    others = [build("3.13.9"), build("3.15.0rc1"), build("3.14.9", libc="musl"), build("3.14.8", arch="aarch64")]
    assert set(newest_of_each([*others, *wanted], "x86_64")) == set(wanted)
