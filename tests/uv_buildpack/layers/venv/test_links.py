"""Links from the environment to data files and scripts of local packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.layers.venv.links import FIELD, NONE, Links, differences, outside, put, read

if TYPE_CHECKING:
    from pathlib import Path

SITE = "lib/python3.13/site-packages"
FILES = ("bin/shop", "etc/shop/a.ini", "etc/shop/b.ini", "share/man/man1/shop.1")


def test_what_is_outside_of_site_packages_is_listed(tmp_path: Path) -> None:
    plant(tmp_path, {**dict.fromkeys(FILES, ""), f"{SITE}/shop.py": "", f"{SITE}/shop-1.dist-info/RECORD": ""})
    assert outside(tmp_path, tmp_path / SITE) == FILES


def test_the_uppermost_directory_that_the_environment_has_not_is_linked(tmp_path: Path) -> None:
    venv = plant(tmp_path / "venv", {"bin/python": "", "share/man/man5/x": ""})
    project = plant(tmp_path / "project", dict.fromkeys(FILES, "x"))
    links = put(venv, project, FILES)
    assert links == Links(files=FILES, links=("bin/shop", "etc", "share/man/man1"))
    assert [(venv / file).read_text() for file in FILES] == ["x"] * 4
    assert (venv / "etc").readlink() == project / "etc"


def test_a_file_that_the_environment_has_itself_stays(tmp_path: Path) -> None:
    venv = plant(tmp_path / "venv", {"bin/shop": "its own"})
    assert put(venv, tmp_path / "project", ("bin/shop",)) == Links(files=("bin/shop",), links=())
    assert (venv / "bin/shop").read_text() == "its own"


KNOWN = Links(files=(*FILES, "bin/taken"), links=("bin/shop", "etc", "share/man/man1"))


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((*FILES, "bin/taken"), ()),
        ((*FILES, "etc/shop/c.ini", "etc/other/d.ini"), ()),
        (FILES[:2] + FILES[3:], ()),
        ((*FILES, "bin/new"), ("bin/new of a local package is new",)),
        (FILES[1:], ("bin/shop is no longer there",)),
        ((), ("bin/shop is no longer there", "etc is no longer there", "share/man/man1 is no longer there")),
    ],
)
def test_links_stay_while_what_they_lead_to_is_what_a_clean_build_would_link(
    files: tuple[str, ...], said: tuple[str, ...]
) -> None:
    assert differences(KNOWN, files) == said


def test_links_are_read_from_metadata() -> None:
    assert read({FIELD: KNOWN.text()}) == KNOWN
    assert read({}) == NONE
    for text in ("[]", "{", '{"files": [1]}', '{"files": "a"}'):
        assert read({FIELD: text}) is None
        assert differences(read({FIELD: text}), ()) == ("its links to local packages cannot be read",)
