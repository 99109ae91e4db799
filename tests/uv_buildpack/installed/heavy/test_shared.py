"""Files of several distributions, which uv removes with the first of them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.installed.heavy.wheels import install

from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy.links import damages
from uv_buildpack.installed.heavy.shared import keep_shared, put_back

if TYPE_CHECKING:
    from pathlib import Path

INIT = "nvidia/__init__.py"


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    """Two packages with the same namespace file."""
    for name in ("nvtx", "cublas"):
        install(tmp_path, name, {INIT: "# both\n", f"nvidia/{name}/a.py": 3})
    return tmp_path


def test_a_file_that_uv_took_from_another_package_is_put_back(site_packages: Path) -> None:
    (site_packages / INIT).chmod(0o640)
    kept = keep_shared(read(site_packages), {"nvtx"})
    (site_packages / INIT).unlink()
    assert damages(read(site_packages), (), ()) == [
        "cublas: nvidia/__init__.py is missing",
        "nvtx: nvidia/__init__.py is missing",
    ]
    put_back(read(site_packages), kept)
    assert (site_packages / INIT).read_text() == "# both\n"
    assert stat.S_IMODE((site_packages / INIT).stat().st_mode) == 0o640
    assert damages(read(site_packages), (), ()) == []


def test_only_what_is_shared_with_what_does_not_change_is_kept(site_packages: Path) -> None:
    assert [file.path for file in keep_shared(read(site_packages), {"nvtx"})] == [INIT]
    assert keep_shared(read(site_packages), {"nvtx", "cublas"}) == ()
    assert keep_shared(read(site_packages), ()) == ()


def test_a_newer_file_stays(site_packages: Path) -> None:
    kept = keep_shared(read(site_packages), {"nvtx"})
    (site_packages / INIT).write_text("# newer\n")
    put_back(read(site_packages), kept)
    assert (site_packages / INIT).read_text() == "# newer\n"


def test_what_belongs_to_nothing_any_more_is_not_put_back(site_packages: Path) -> None:
    kept = keep_shared(read(site_packages), {"nvtx"})
    (site_packages / INIT).unlink()
    for record in site_packages.glob("*.dist-info/RECORD"):
        record.write_text("")
    put_back(read(site_packages), kept)
    assert not (site_packages / INIT).exists()


def test_files_behind_links_are_left_alone(site_packages: Path) -> None:
    (site_packages / "nvidia").rename(site_packages / "away")
    (site_packages / "nvidia").symlink_to(site_packages / "away")
    assert keep_shared(read(site_packages), {"nvtx"}) == ()
