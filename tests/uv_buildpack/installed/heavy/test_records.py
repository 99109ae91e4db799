"""What a distribution's own directories are: told by its RECORD alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.installed.heavy.wheels import install

from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy.records import records

if TYPE_CHECKING:
    from pathlib import Path

SHORT = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["pandas/__init__.py", "pandas/api.py", "pandas/core/frame.py"], ["pandas"]),
        (["numpy/__init__.py", "numpy/a.py", "numpy.libs/libblas.so"], ["numpy", "numpy.libs"]),
        (["nvidia/cu13/lib/libcublas.so", "nvidia/cu13/include/cublas.h"], ["nvidia/cu13/include", "nvidia/cu13/lib"]),
        (["nvidia/__init__.py", "nvidia/cublas/__init__.py", "nvidia/cublas/lib/libcublas.so"], ["nvidia/cublas/lib"]),
        (["google/__init__.py", "google/cloud/__init__.py", "google/cloud/storage/blob.so"], ["google/cloud/storage"]),
        (
            ["google/cloud/version.py", "google/cloud/client/__init__.py", "google/cloud/client/a.py"],
            ["google/cloud/client"],
        ),
        (["opentelemetry/py.typed", "opentelemetry/sdk/a.so"], ["opentelemetry/sdk"]),
        (["six.py", "__pycache__/six.cpython-313.pyc"], []),
        (["only/__init__.py"], []),
        (["spam/a.so", "tests/test_spam.py", "docs/conf.py", "lib/x"], ["spam"]),
        (["spam/tests/spam.so"], ["spam/tests"]),
        (["../../../bin/spam", "/etc/spam", "../../../share/man/spam.1"], []),
        (["spam/__pycache__/a.cpython-313.pyc", "spam/inner/a.so"], ["spam/inner"]),
    ],
)
def test_the_highest_directories_that_are_its_own(tmp_path: Path, files: list[str], expected: list[str]) -> None:
    # Files above site-packages are recorded only.
    site_packages = tmp_path / "lib/python3.13/site-packages"
    install(
        site_packages,
        "wheel",
        {name: SHORT if name.endswith("__init__.py") else "x" for name in files if name[0] not in "./"},
    )
    with next(site_packages.glob("*/RECORD")).open("a", encoding="utf-8") as record:
        record.writelines(f"{name},,\n" for name in files if name[0] in "./")
    assert records(read(site_packages))[0].directories() == tuple(expected)


def test_other_directories_with_files_are_strays(tmp_path: Path) -> None:
    install(
        tmp_path, "core", {"google/cloud/version.py": 1, "google/cloud/client/a.so": 1, "tests/b/c.py": 1, "d.py": 1}
    )
    assert records(read(tmp_path))[0].strays() == ("google/cloud", "tests/b")


def test_a_package_with_very_many_directories_is_taken_as_a_whole(tmp_path: Path) -> None:
    install(
        tmp_path, "many", {f"many/part{number}/a.so": 1 for number in range(40)} | {"two/a/b.so": 1, "two/c/d.so": 1}
    )
    assert records(read(tmp_path))[0].directories() == ("many", "two/a", "two/c")


def test_a_package_with_a_long_init_is_regular(tmp_path: Path) -> None:
    install(tmp_path, "wheel", {"spam/__init__.py": 5000, "spam/inner/a.so": 1})
    assert records(read(tmp_path))[0].directories() == ("spam",)


def test_names_are_normalised_and_metadata_is_told_apart(tmp_path: Path) -> None:
    install(tmp_path, "Some_Wheel.Name", {"spam/a.py": 3})
    (record,) = records(read(tmp_path))
    assert record.name == "some-wheel-name"
    assert record.files == {"spam/a.py": 3}
    assert record.others == ("Some_Wheel.Name-1.0.dist-info/METADATA", "Some_Wheel.Name-1.0.dist-info/RECORD")


def test_a_distribution_without_record_has_no_files(tmp_path: Path) -> None:
    (install(tmp_path, "wheel", {"spam/a.py": 3}) / "RECORD").unlink()
    (record,) = records(read(tmp_path))
    assert (record.name, record.files, record.others) == ("wheel", {}, ())


def test_a_size_that_is_not_recorded_is_unknown(tmp_path: Path) -> None:
    install(tmp_path, "wheel", {"spam/a.py": 3}, sizes=False)
    assert records(read(tmp_path))[0].files == {"spam/a.py": None}
