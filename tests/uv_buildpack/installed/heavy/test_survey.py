"""The survey of what is installed: sizes, run paths, and who has to stay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.installed.heavy.wheels import install, install_objects

from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy import HeavySetting, bundle
from uv_buildpack.installed.heavy.links import move_out
from uv_buildpack.installed.heavy.survey import never_heavy, refusals, survey

if TYPE_CHECKING:
    from pathlib import Path

LOW = HeavySetting(least=1000)


def names(site_packages: Path, setting: HeavySetting = LOW) -> list[str]:
    return [each.layer for each in bundle(survey(read(site_packages), setting, ()), setting)]


@pytest.mark.parametrize("sizes", [True, False])
def test_the_size_is_that_of_the_files_without_bytecode(tmp_path: Path, *, sizes: bool) -> None:
    files = {
        "spam/__init__.py": 0,
        "spam/a.py": 900,
        "spam/b/c.so.1": 300,
        "spam/__pycache__/a.cpython-313.pyc": 5000,
        "spam.py": 7000,
    }
    install(tmp_path, "spam", files, sizes=sizes)
    (spam,) = survey(read(tmp_path), LOW, ())
    assert (spam.name, spam.directories, spam.size) == ("spam", ("spam",), 1200)


def test_light_packages_and_single_modules_are_not_surveyed(tmp_path: Path) -> None:
    install(tmp_path, "light", {"light/a.py": 999})
    install(tmp_path, "six", {"six.py": 30_000})
    assert survey(read(tmp_path), LOW, ()) == ()


def test_a_light_package_that_shares_a_directory_is_surveyed_too(tmp_path: Path) -> None:
    install(tmp_path, "host", {"host/a.py": 2000})
    install(tmp_path, "plugin", {"host/plugins/b.py": 10})
    install(tmp_path, "other", {"other/b.py": 10})
    assert [package.name for package in survey(read(tmp_path), LOW, ())] == ["host", "plugin"]
    assert [package.name for package in survey(read(tmp_path), LOW, {"host"})] == ["plugin"]


def test_run_paths_that_leave_the_package_are_found(tmp_path: Path) -> None:
    run_path = (
        "$ORIGIN:$ORIGIN/..:$ORIGIN/../../torch.libs:${ORIGIN}/../../nvidia/cublas/lib:/usr/lib:$ORIGIN/../../../nvidia"
    )
    objects = {"torch/lib/libtorch.so": run_path, "torch/_C.so": "$ORIGIN/lib", "torch.libs/libgomp-1.so.1": "$ORIGIN"}
    install_objects(tmp_path, "torch", objects)
    (torch,) = survey(read(tmp_path), LOW, ())
    assert torch.reaches == ("nvidia/cublas/lib",)


def test_programs_without_a_suffix_are_read_too(tmp_path: Path) -> None:
    install_objects(tmp_path, "compiler", {"compiler/bin/nvcc": "$ORIGIN/../../nvidia/nvvm/lib64"})
    (compiler,) = survey(read(tmp_path), LOW, ())
    assert compiler.reaches == ("nvidia/nvvm/lib64",)


def test_who_has_to_stay_and_why(tmp_path: Path) -> None:
    install(tmp_path, "hooked", {"hooked/a.py": 2000, "hooked.pth": "import hooked"})
    install(tmp_path, "plugin", {"hooked/b.py": 1})
    local = install(tmp_path, "local", {"local/a.py": 2000})
    (local / "direct_url.json").write_text(json.dumps({"url": "file:///app", "dir_info": {"editable": False}}))
    archive = install(tmp_path, "archive", {"archive/a.py": 2000})
    (archive / "direct_url.json").write_text(json.dumps({"url": "https://example.com/a.whl", "archive_info": {}}))
    assert names(tmp_path) == ["packages-archive"]
    assert refusals(read(tmp_path), LOW, ()) == [
        "hooked stays in the environment: it has a .pth file, which Python reads at each start",
        "local stays in the environment: it is a local package",
        "plugin stays in the environment: it shares a directory with hooked",
    ]


def test_what_has_no_directory_of_its_own_stays_and_is_named(tmp_path: Path) -> None:
    install(tmp_path, "single", {"single.py": 2000})
    install(tmp_path, "spaced", {"space/part.py": 2000, "space/inner/__init__.py": 0})
    wanted = HeavySetting(names=frozenset({"single", "spaced", "absent"}))
    assert refusals(read(tmp_path), wanted, ()) == [
        "absent is not installed",
        "single stays in the environment: it has no directory of its own",
        "spaced stays in the environment: it has no directory of its own",
    ]


def test_who_looks_for_libraries_in_the_environment_stays_when_some_are_there(tmp_path: Path) -> None:
    site_packages = tmp_path / "lib/python3.13/site-packages"
    install_objects(site_packages, "open3d", {"open3d/libOpen3D.so": "$ORIGIN/../../.."})
    install_objects(site_packages, "scipy", {"scipy/a.so": "$ORIGIN"})
    assert names(site_packages) == ["packages-open3d", "packages-scipy"]
    remembered = bundle(survey(read(site_packages), LOW, ()), LOW)
    install(site_packages, "tbb", {"../../libtbb.so.12": 5})
    assert names(site_packages) == ["packages-scipy"]
    facts = [package for each in remembered for package in each.packages]
    surveyed = survey(read(site_packages), LOW, {package.name for package in facts})
    assert bundle([*facts, *surveyed], LOW) == bundle(survey(read(site_packages), LOW, ()), LOW)
    assert refusals(read(site_packages), LOW, ()) == [
        "open3d stays in the environment: it shares a directory with tbb",
        "tbb stays in the environment: it has no directory of its own",
    ]


def test_names_that_have_no_effect_are_told(tmp_path: Path) -> None:
    install(tmp_path, "six", {"six.py": 30_000})
    setting = HeavySetting(names=frozenset({"six", "torch"}))
    assert names(tmp_path, setting) == []
    assert refusals(read(tmp_path), setting, ()) == [
        "torch is not installed",
        "six stays in the environment: it has no directory of its own",
    ]


def test_packages_that_do_not_work_under_a_link_are_named_with_a_reason() -> None:
    assert all(reason for reason in never_heavy().values())


def test_a_package_that_stays_keeps_its_neighbour(tmp_path: Path) -> None:
    install(tmp_path, "host", {"host/a.py": 2000})
    install(tmp_path, "hook", {"host/hook.py": 10, "hook.pth": "import host.hook"})
    assert names(tmp_path) == []


def test_facts_of_what_is_moved_are_as_before_but_for_the_run_paths(tmp_path: Path) -> None:
    install(tmp_path / "sp", "spam", {"spam/a.py": 2000})
    before = survey(read(tmp_path / "sp"), LOW, ())
    (tmp_path / "layers").mkdir()
    move_out(tmp_path / "sp", bundle(before, LOW), tmp_path / "layers")
    (tmp_path / "layers").rename(tmp_path / "away")
    assert survey(read(tmp_path / "sp"), LOW, ()) == before


def test_a_file_that_is_missing_is_for_the_check_of_damages_to_tell(tmp_path: Path) -> None:
    install_objects(tmp_path, "torch", {"torch/libtorch.so": "$ORIGIN/../nvidia/lib"})
    (tmp_path / "torch/libtorch.so").unlink()
    (torch,) = survey(read(tmp_path), LOW, ())
    assert torch.reaches == ()
