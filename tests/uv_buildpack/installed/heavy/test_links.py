"""Moving out, linking back, taking apart, and noticing a wreck."""

from __future__ import annotations

import os
import shutil
import stat
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.installed.heavy.wheels import install, install_objects

from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy import Bundle, HeavySetting, bundle
from uv_buildpack.installed.heavy.links import damages, forget, move_out, take_apart
from uv_buildpack.installed.heavy.survey import survey

if TYPE_CHECKING:
    from pathlib import Path

LOW = HeavySetting(least=1000)
SPAM, CUBLAS = "packages-spam", "packages-nvidia-cublas"


@pytest.fixture
def site_packages(tmp_path: Path) -> Path:
    """Two heavy packages, one of them in a namespace with a light one; another light one."""
    place = tmp_path / "layers/venv/lib/python3.13/site-packages"
    install(place, "spam", {"spam/a.py": 2000, "spam/__pycache__/a.cpython-313.pyc": 10, "spam.libs/libc.so": 10})
    install(place, "nvidia-cublas", {"nvidia/cublas/lib/libcublas.so": 2000})
    install(place, "nvidia-light", {"nvidia/light/a.py": 10})
    install(place, "light", {"light/a.py": 10, "light.py": 3})
    return place


def moved(site_packages: Path) -> tuple[Bundle, ...]:
    bundles = bundle(survey(read(site_packages), LOW, ()), LOW)
    move_out(site_packages, bundles, layers_of(site_packages))
    return bundles


def layers_of(site_packages: Path) -> Path:
    return site_packages.parents[3]


def test_directories_move_and_absolute_links_take_their_place(site_packages: Path) -> None:
    moved(site_packages)
    inside = layers_of(site_packages) / SPAM / "site-packages"
    assert (site_packages / "spam").readlink() == inside / "spam"
    assert (site_packages / "spam.libs").readlink() == inside / "spam.libs"
    assert (site_packages / "spam/a.py").stat().st_size == 2000
    assert (inside / "spam/__pycache__/a.cpython-313.pyc").is_file()
    assert (site_packages / "spam-1.0.dist-info/RECORD").is_file()


def test_a_namespace_stays_with_its_light_packages(site_packages: Path) -> None:
    moved(site_packages)
    assert not (site_packages / "nvidia").is_symlink()
    assert not (site_packages / "nvidia/light").is_symlink()
    target = layers_of(site_packages) / CUBLAS / "site-packages/nvidia/cublas/lib"
    assert (site_packages / "nvidia/cublas/lib").readlink() == target


def test_the_layers_own_directories_have_mode_0755_whatever_the_umask(site_packages: Path) -> None:
    before = os.umask(0o077)
    try:
        moved(site_packages)
    finally:
        os.umask(before)
    layer = layers_of(site_packages) / CUBLAS
    made = [layer, layer / "site-packages", layer / "site-packages/nvidia", layer / "site-packages/nvidia/cublas"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o755}


def test_moving_out_again_changes_nothing(site_packages: Path) -> None:
    bundles = moved(site_packages)
    target = (site_packages / "spam").readlink()
    move_out(site_packages, bundles, layers_of(site_packages))
    assert (site_packages / "spam").readlink() == target
    assert (site_packages / "spam/a.py").is_file()


def test_run_paths_that_leave_a_heavy_package_arrive_through_its_layer(site_packages: Path) -> None:
    install_objects(
        site_packages, "torch", {"torch/lib/libtorch.so": "$ORIGIN/../../nvidia/cublas/lib:$ORIGIN/../../nvidia/light"}
    )
    moved(site_packages)
    origin = (site_packages / "torch/lib").resolve()
    assert origin == layers_of(site_packages) / "packages-torch/site-packages/torch/lib"
    assert (origin / "../../nvidia/cublas/lib/libcublas.so").is_file()
    assert (origin / "../../nvidia/light/a.py").is_file()


def test_taking_apart_removes_links_and_directories_that_held_nothing_else(site_packages: Path) -> None:
    shutil.rmtree(site_packages / "nvidia/light")
    bundles = moved(site_packages)
    take_apart(site_packages, [package for each in bundles for package in each.packages])
    assert sorted(path.name for path in site_packages.iterdir() if not path.name.endswith(".dist-info")) == [
        "light",
        "light.py",
    ]
    assert (site_packages / "spam-1.0.dist-info").is_dir()
    assert (layers_of(site_packages) / SPAM / "site-packages/spam/a.py").is_file()


def test_taking_apart_leaves_a_namespace_with_others_in_it(site_packages: Path) -> None:
    bundles = moved(site_packages)
    take_apart(site_packages, bundles[0].packages)
    assert [path.name for path in (site_packages / "nvidia").iterdir()] == ["light"]


def test_forgetting_removes_all_that_is_left_of_a_package(site_packages: Path) -> None:
    install(site_packages, "mixed", {"mixed/a.py": 2000, "mixed_one.py": 10, "shared/__init__.py": "", "tests/a.py": 1})
    bundles = moved(site_packages)
    take_apart(site_packages, [package for each in bundles for package in each.packages])
    forget(read(site_packages), {package.name for each in bundles for package in each.packages})
    files = (path.relative_to(site_packages) for path in site_packages.rglob("*") if not path.is_dir())
    assert sorted({path.parts[0] for path in files}) == [
        "light",
        "light-1.0.dist-info",
        "light.py",
        "nvidia",
        "nvidia-light-1.0.dist-info",
    ]


def test_forgetting_removes_scripts_as_well(site_packages: Path) -> None:
    info = install(site_packages, "tool", {"tool/a.py": 1})
    with (info / "RECORD").open("a", encoding="utf-8") as record:
        record.write("../../../bin/tool,,\n")
    script = site_packages / "../../../bin/tool"
    script.parent.mkdir()
    script.touch()
    forget(read(site_packages), {"tool"})
    assert not script.exists()
    assert (site_packages / "light/a.py").is_file()


def test_forgetting_never_reaches_through_a_link(site_packages: Path) -> None:
    bundles = moved(site_packages)
    (spam,) = (each for each in bundles if each.layer == SPAM)
    (site_packages / "spam").unlink()
    (site_packages / "spam").symlink_to(layers_of(site_packages) / SPAM / "site-packages/spam")
    forget(read(site_packages), {package.name for package in spam.packages})
    assert (layers_of(site_packages) / SPAM / "site-packages/spam/a.py").is_file()


def check(site_packages: Path, present: tuple[str, ...] = (SPAM, CUBLAS), reused: tuple[str, ...] = ()) -> list[str]:
    return damages(read(site_packages), present, reused)


def test_an_environment_without_links_is_whole(site_packages: Path) -> None:
    assert check(site_packages, present=()) == []


def test_an_environment_with_layers_on_disk_is_whole(site_packages: Path) -> None:
    moved(site_packages)
    assert check(site_packages) == []


def test_dangling_links_are_fine_when_their_layers_are_reused(site_packages: Path) -> None:
    moved(site_packages)
    shutil.rmtree(layers_of(site_packages) / SPAM)
    assert check(site_packages, present=(CUBLAS,), reused=(SPAM,)) == []


def test_a_dangling_link_is_a_damage_when_its_layer_is_not_reused(site_packages: Path) -> None:
    moved(site_packages)
    shutil.rmtree(layers_of(site_packages) / SPAM / "site-packages/spam.libs")
    lines = [f"spam.libs leads to the layer {SPAM}, which is not there"]
    assert check(site_packages, present=(SPAM, CUBLAS)) == lines
    assert check(site_packages, present=(CUBLAS,)) == [f"spam leads to the layer {SPAM}, which is not there", *lines]


def test_a_missing_file_is_noticed(site_packages: Path) -> None:
    (site_packages / "light/a.py").unlink()
    assert check(site_packages) == ["light: light/a.py is missing"]


def test_a_missing_file_behind_a_link_is_noticed(site_packages: Path) -> None:
    moved(site_packages)
    (site_packages / "spam/a.py").unlink()
    assert check(site_packages) == ["spam: spam/a.py is missing"]


def test_missing_metadata_and_scripts_are_noticed(site_packages: Path) -> None:
    info = install(site_packages, "tool", {"tool/a.py": 1})
    with (info / "RECORD").open("a") as record:
        record.write("../../../bin/tool,,\n")
    assert check(site_packages) == ["tool: ../../../bin/tool is missing"]


def test_a_missing_link_is_noticed(site_packages: Path) -> None:
    moved(site_packages)
    (site_packages / "spam").unlink()
    assert check(site_packages) == ["spam: spam/a.py is missing"]


def test_a_link_of_a_package_that_is_gone_is_noticed(site_packages: Path) -> None:
    moved(site_packages)
    shutil.rmtree(site_packages / "spam-1.0.dist-info")
    assert check(site_packages) == [
        "spam is a link that belongs to no package",
        "spam.libs is a link that belongs to no package",
    ]


def test_a_link_to_somewhere_else_is_noticed(site_packages: Path) -> None:
    moved(site_packages)
    (site_packages / "spam").unlink()
    (site_packages / "spam").symlink_to("/")
    assert check(site_packages) == ["spam leads to the layer ?, which is not there"]
