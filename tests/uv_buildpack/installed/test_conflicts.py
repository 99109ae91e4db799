"""Of files that several distributions have, one is always the same: that of the distribution whose name comes last."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from uv_buildpack.installed.conflicts import Disputed, find, unsettled
from uv_buildpack.installed.distributions import read

if TYPE_CHECKING:
    from pathlib import Path


def recorded(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def install(site_packages: Path, name: str, files: dict[str, str]) -> None:
    """Write a distribution; what is there is overwritten."""
    info = site_packages / f"{name}-1.0.dist-info"
    info.mkdir()
    lines = [f"{path},{recorded(text)},{len(text)}" for path, text in files.items()]
    (info / "RECORD").write_text("\n".join([*lines, f"{info.name}/RECORD,,", ""]), encoding="utf-8")
    for path, text in files.items():
        (site_packages / path).parent.mkdir(parents=True, exist_ok=True)
        (site_packages / path).write_text(text, encoding="utf-8")


def test_only_files_with_several_contents_are_disputed(tmp_path: Path) -> None:
    install(tmp_path, "b", {"LICENSE": "b", "space/__init__.py": ""})
    install(tmp_path, "a", {"LICENSE": "a", "space/__init__.py": "", "a.py": ""})
    assert find(read(tmp_path)) == [Disputed(path="LICENSE", owners=("a", "b"), hash=recorded("b"))]
    assert unsettled(tmp_path, find(read(tmp_path))) == ["b"]
    (tmp_path / "LICENSE").write_text("b", encoding="utf-8")
    assert unsettled(tmp_path, find(read(tmp_path))) == []


def test_a_script_that_two_distributions_have_is_disputed(tmp_path: Path) -> None:
    site_packages = tmp_path / "lib/python3.13/site-packages"
    site_packages.mkdir(parents=True)
    install(site_packages, "b", {"../../../bin/run": "b"})
    install(site_packages, "a", {"../../../bin/run": "a"})
    assert unsettled(site_packages, find(read(site_packages))) == ["b"]


def test_what_the_last_owner_left_is_not_that_of_the_remaining_one(tmp_path: Path) -> None:
    install(tmp_path, "a", {"LICENSE": "a"})
    (tmp_path / "LICENSE").write_text("of b, which is gone", encoding="utf-8")
    assert find(read(tmp_path)) == []
    assert unsettled(tmp_path, find(read(tmp_path), {"LICENSE", "of nobody"})) == ["a"]


def test_files_behind_links_are_not_looked_at(tmp_path: Path) -> None:
    site_packages = tmp_path / "site-packages"
    site_packages.mkdir()
    (site_packages / "heavy").symlink_to(tmp_path / "away")
    (tmp_path / "away").mkdir()
    install(site_packages, "a", {"heavy/x.py": "a"})
    install(site_packages, "b", {"heavy/x.py": "b"})
    assert find(read(site_packages)) == []
