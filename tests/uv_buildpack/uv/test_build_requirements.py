"""What building from source needs: found at once, over requirements of requirements."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.project.files import read_pyproject
from uv_buildpack.uv.build_requirements import lacking, of_tables

if TYPE_CHECKING:
    from pathlib import Path


def sdist(directory: Path, name: str, pyproject: str | None) -> Path:
    path = directory / f"{name}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file, text in {f"{name}/pyproject.toml": pyproject, f"{name}/setup.py": ""}.items():
            if text is not None:
                member = tarfile.TarInfo(file)
                member.size = len(text)
                archive.addfile(member, io.BytesIO(text.encode()))
    return path


def wheel(directory: Path, name: str, version: str, *requires: str) -> Path:
    path = directory / f"{name}-{version}-py3-none-any.whl"
    metadata = f"Name: {name}\nVersion: {version}\n" + "".join(f"Requires-Dist: {entry}\n" for entry in requires)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
    return path


HATCH = '[build-system]\nrequires = ["hatchling>=1.20"]\nbuild-backend = "hatchling.build"\n'


def test_what_no_file_meets_is_said_with_what_needs_it(tmp_path: Path) -> None:
    sources = {"docopt 0.6.2": sdist(tmp_path, "docopt-0.6.2", None), "own 1.0": sdist(tmp_path, "own-1.0", HATCH)}
    wheel(tmp_path, "hatchling", "1.19")
    assert lacking(sources, [], [tmp_path]) == [
        "docopt 0.6.2 is built with setuptools>=40.8.0, which is missing",
        "own 1.0 is built with hatchling>=1.20, which is missing",
    ]


def test_requirements_of_requirements_count_with_their_markers_and_extras(tmp_path: Path) -> None:
    wheel(
        tmp_path, "hatchling", "1.27", "pluggy>=1", 'tomli; python_version < "3"', 'x; extra == "dev"', "pathspec[fast]"
    )
    wheel(tmp_path, "pathspec", "0.12", 'hyperscan; extra == "fast"')
    lines = lacking({"own 1.0": sdist(tmp_path, "own-1.0", HATCH)}, [], [tmp_path])
    assert lines == [
        "own 1.0 (by hatchling) is built with pluggy>=1, which is missing",
        "own 1.0 (by hatchling) (by pathspec) is built with hyperscan, which is missing",
    ]


def test_with_everything_there_nothing_is_said(tmp_path: Path) -> None:
    wheel(tmp_path, "hatchling", "1.27", "pluggy")
    sdist(tmp_path, "pluggy-1.5", '[build-system]\nrequires = ["flit_core"]\n')
    wheel(tmp_path, "flit_core", "3.10")
    assert lacking({"own 1.0": sdist(tmp_path, "own-1.0", HATCH)}, [], [tmp_path]) == []


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        (HATCH, ["pyproject.toml is built with hatchling>=1.20, which is missing"]),
        ('[build-system]\nrequires = ["uv_build>=0.9,<0.10"]\n', []),
        ("[project]\n", ["pyproject.toml is built with setuptools>=40.8.0, which is missing"]),
    ],
)
def test_packages_of_the_app_are_built_too(tmp_path: Path, table: str, lines: list[str]) -> None:
    plant(tmp_path, {"pyproject.toml": table})
    file = read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    assert lacking({}, [file], [tmp_path]) == lines


def test_a_source_that_cannot_be_read_is_uvs_to_complain_of(tmp_path: Path) -> None:
    (tmp_path / "own-1.0.tar.gz").write_bytes(b"no archive")
    assert lacking({"own 1.0": tmp_path / "own-1.0.tar.gz"}, [], [tmp_path]) == []


@pytest.mark.parametrize("name", ["own-1.0.tar.gz", "own-1.0.zip", "own-1.0.tar.xz", "own-1.0.tar.bz2"])
@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4" + b"x" * 60, b"\x1f\x8b\x08" + b"\xff" * 40, b"\xfd7zXZ\0" + b"x" * 40]
)
def test_damage_of_any_kind_is_too(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "hatchling-1.27-py3-none-any.whl").write_bytes(content)
    local = plant(tmp_path / "app", {"pyproject.toml": HATCH})
    file = read_pyproject(local, local / "pyproject.toml")
    assert lacking({"own 1.0": tmp_path / name}, [file], [tmp_path]) == []


@pytest.mark.parametrize("text", ["what is this", "x ; 'y' in extras", f"x; {'(' * 5000}", "x; python_version < '>'"])
def test_a_requirement_that_cannot_be_read_is_too(tmp_path: Path, text: str) -> None:
    wheel(tmp_path, "hatchling", "1.27", text)
    table = f'[build-system]\nrequires = ["hatchling[a]", """{text}"""]\n'
    assert lacking({"own 1.0": sdist(tmp_path, "own-1.0", table)}, [], [tmp_path]) == []


def test_no_file_has_a_version_that_cannot_be_read(tmp_path: Path) -> None:
    wheel(tmp_path, "x", "1.0")
    source = sdist(tmp_path, "own-1.0", f'[build-system]\nrequires = ["x>{"9" * 5000}"]\n')
    assert len(lacking({"own 1.0": source}, [], [tmp_path])) == 1


def test_what_uv_carries_need_not_be_fetched() -> None:
    assert of_tables([{"build-system": {"requires": ["uv_build", "hatchling"]}}]) == ["hatchling"]
