"""What is found in an environment, and what is checked of what uv made."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.errors import WrongInterpreter
from uv_buildpack.installed.distributions import read
from uv_buildpack.layers.venv import contents
from uv_buildpack.layers.venv.contents import (
    normalise,
    site_packages_below,
    site_packages_of,
    unexpected,
    verify_interpreter,
)

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = "home = {home}\nimplementation = CPython\nuv = 0.13.8\nversion_info = 3.13.4\nprompt = venv\n"


def test_the_interpreter_of_the_layer_is_accepted(tmp_path: Path) -> None:
    plant(tmp_path / "venv", {"pyvenv.cfg": CONFIGURATION.format(home=tmp_path / "python" / "bin")})
    verify_interpreter(tmp_path / "venv", tmp_path / "python" / "bin" / "python3.13")


@pytest.mark.parametrize("text", [CONFIGURATION.format(home="/usr/bin"), "version_info = 3.13.4\n"])
def test_another_interpreter_is_an_error(tmp_path: Path, text: str) -> None:
    plant(tmp_path / "venv", {"pyvenv.cfg": text})
    with pytest.raises(WrongInterpreter):
        verify_interpreter(tmp_path / "venv", tmp_path / "python" / "bin" / "python3.13")


def test_what_differs_between_equal_builds_is_taken_out(tmp_path: Path) -> None:
    plant(tmp_path, {"pyvenv.cfg": CONFIGURATION.format(home="/python/bin"), ".lock": ""})
    normalise(tmp_path)
    assert (tmp_path / "pyvenv.cfg").read_text() == (
        "home = /python/bin\nimplementation = CPython\nversion_info = 3.13.4\nprompt = venv\n"
    )
    assert not (tmp_path / ".lock").exists()


def test_times_of_archives_are_taken_out_of_metadata(tmp_path: Path) -> None:
    place = tmp_path / "lib" / "python3.13" / "site-packages"
    record = "ext.py,sha256=aa,1\n{0}/uv_cache.json,sha256=bb,2\n{0}/RECORD,,\n"
    files = {
        "ext-1.0.dist-info/uv_cache.json": '{"timestamp":{"secs_since_epoch":1795918834},"commit":null}',
        "ext-1.0.dist-info/RECORD": record.format("ext-1.0.dist-info"),
        "git-1.0.dist-info/uv_cache.json": '{"timestamp":null,"commit":"0123"}',
        "git-1.0.dist-info/RECORD": record.format("git-1.0.dist-info"),
    }
    plant(place, files)
    plant(tmp_path, {"pyvenv.cfg": ""})
    normalise(tmp_path)
    assert (place / "ext-1.0.dist-info/RECORD").read_text() == "ext.py,sha256=aa,1\next-1.0.dist-info/RECORD,,\n"
    assert not (place / "ext-1.0.dist-info/uv_cache.json").exists()
    assert (place / "git-1.0.dist-info/RECORD").read_text() == files["git-1.0.dist-info/RECORD"]


def test_site_packages_are_found_for_each_kind_of_interpreter(tmp_path: Path) -> None:
    (tmp_path / "venv" / "lib" / "python3.14t" / "site-packages").mkdir(parents=True)
    assert site_packages_of(tmp_path / "venv") == tmp_path / "venv" / "lib" / "python3.14t" / "site-packages"
    assert site_packages_below(tmp_path / "other", tmp_path / "venv") == (
        tmp_path / "other" / "lib" / "python3.14t" / "site-packages"
    )


def test_what_uv_installed_is_compared_with_the_selection(tmp_path: Path) -> None:
    for name in ("six-1.16.0.dist-info", "Typing_Extensions-4.0.dist-info", "extra-1.dist-info", "six"):
        (tmp_path / name).mkdir()
    assert unexpected(read(tmp_path), {"six", "typing-extensions", "gone"}) == [
        "gone was not installed",
        "extra was installed as well",
    ]


def test_an_environment_without_site_packages_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no site-packages"):
        site_packages_of(tmp_path)


def test_the_address_of_an_archive_is_noted_as_uv_notes_it(tmp_path: Path) -> None:
    info = "near-1.0.dist-info"
    plant(
        tmp_path,
        {f"{info}/RECORD": f"near.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n", "other-1.0.dist-info/RECORD": ""},
    )
    for _ in range(2):
        contents.note_addresses(tmp_path, {"near": "https://files.example/near-1.0.tar.gz"})
    noted = tmp_path / info / "direct_url.json"
    assert json.loads(noted.read_bytes()) == {"url": "https://files.example/near-1.0.tar.gz", "archive_info": {}}
    (near, other) = read(tmp_path).distributions
    (row,) = (file for file in near.files if file.path.endswith("direct_url.json"))
    digest = base64.urlsafe_b64encode(hashlib.sha256(noted.read_bytes()).digest()).rstrip(b"=").decode()
    assert (row.hash, row.size) == (f"sha256={digest}", noted.stat().st_size)
    assert other.files == ()
