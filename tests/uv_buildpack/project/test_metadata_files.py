"""Files that the build of a package insists on are asked for before any download."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.project.files import read_pyproject
from uv_buildpack.project.metadata_files import problems

if TYPE_CHECKING:
    from pathlib import Path


def said(root: Path, fields: str, backend: str, *, mark: str = "", files: dict[str, str] | None = None) -> list[str]:
    text = f'{mark}[project]\nname = "shop"\nversion = "1"\n{fields}\n[build-system]\nbuild-backend = "{backend}"\n'
    plant(root, {"pyproject.toml": text, **(files or {})})
    return [problem.what for problem in problems([read_pyproject(root, root / "pyproject.toml")])]


@pytest.mark.parametrize(
    ("fields", "backend", "missing"),
    [
        ('readme = "README.md"', "hatchling.build", "README.md"),
        ('readme = { file = "README.md", content-type = "text/plain" }', "uv_build", "README.md"),
        ('license = { file = "LICENCE" }', "flit_core.buildapi", "LICENCE"),
        ('readme = "README.md"', "setuptools.build_meta", None),
        ('license = "MIT"', "hatchling.build", None),
        ('readme = { text = "hello" }', "hatchling.build", None),
    ],
)
def test_a_file_that_the_backend_insists_on_is_named(
    tmp_path: Path, fields: str, backend: str, missing: str | None
) -> None:
    found = said(tmp_path, fields, backend)
    assert [line.split()[2] for line in found] == ([missing] if missing else [])
    assert said(tmp_path, fields, backend, files={"README.md": "", "LICENCE": ""}) == []


@pytest.mark.parametrize(("backend", "refused"), [("hatchling.build", True), ("uv_build", False)])
def test_a_byte_order_mark_is_named_for_backends_that_do_not_read_it(
    tmp_path: Path,
    backend: str,
    refused: bool,  # noqa: FBT001 (a parametrized value)
) -> None:
    assert bool(said(tmp_path, "", backend, mark="\ufeff")) is refused
