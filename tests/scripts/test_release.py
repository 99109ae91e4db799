"""`scripts/release`: what a release changes in the repository, and what it says of itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.contexts import REPOSITORY
from tests.uv_buildpack.trees import plant

from cnb.context import read_buildpack
from release_steps.changelog import NothingToRelease, notes, released
from release_steps.cli import DOCUMENTED, _parser, pages, prepare
from release_steps.materials import bill_of_materials

if TYPE_CHECKING:
    from pathlib import Path

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n* Doors.\n\n## [0.1.0] - 2026-01-01\n\n* Walls.\n"


def test_what_was_unreleased_gets_the_heading_of_the_release() -> None:
    text = released(CHANGELOG, "0.2.0", "2026-02-03")
    assert notes(text, "0.2.0") == "### Added\n\n* Doors."
    assert notes(text, "0.1.0") == "* Walls."
    assert text.index("## [Unreleased]") < text.index("## [0.2.0] - 2026-02-03")


def test_a_release_without_changes_is_refused() -> None:
    text = released(CHANGELOG, "0.2.0", "2026-02-03")
    with pytest.raises(NothingToRelease, match="nothing under"):
        released(text, "0.3.0", "2026-03-04")


def test_notes_of_an_unknown_version_are_refused() -> None:
    with pytest.raises(NothingToRelease, match=r"no section for 0\.9\.9"):
        notes(CHANGELOG, "0.9.9")


def test_the_version_is_written_where_it_is_declared(tmp_path: Path) -> None:
    about = '[project]\nname = "x"\nversion = "0.1.0"\n[[other]]\nversion = "7"\n'
    plant(tmp_path, {"CHANGELOG.md": CHANGELOG, "buildpack.toml": about, "pyproject.toml": about})
    prepare(tmp_path, "0.2.0", "2026-02-03")
    expected = about.replace("0.1.0", "0.2.0")
    assert (tmp_path / "buildpack.toml").read_text(encoding="utf-8") == expected
    assert (tmp_path / "pyproject.toml").read_text(encoding="utf-8") == expected


def test_pages_name_the_version_of_the_release(tmp_path: Path) -> None:
    readme = "docker://ghcr.io/uv-buildpack/python:0.1.0\nuv buildpack 0.1.0\nclick 0.1.0\n"
    page = 'id = "uv-buildpack/python"\nversion = "0.1.0"\nhttps://code.example/blob/v0.1.0/docs/errors.md\n'
    about = 'version = "0.1.0"\n'
    files = {"buildpack.toml": about, "pyproject.toml": about, "README.md": readme, "docs/page.md": page}
    plant(tmp_path, {"CHANGELOG.md": CHANGELOG, **files})
    prepare(tmp_path, "0.2.0", "2026-02-03")
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == (
        "docker://ghcr.io/uv-buildpack/python:0.2.0\nuv buildpack 0.2.0\nclick 0.1.0\n"
    )
    assert (tmp_path / "docs/page.md").read_text(encoding="utf-8") == page.replace("0.1.0", "0.2.0")


def test_pages_name_the_version_that_is_declared() -> None:
    declared = read_buildpack(REPOSITORY).version
    named = {
        path.name: {found["version"] for found in DOCUMENTED.finditer(path.read_text(encoding="utf-8"))}
        for path in pages(REPOSITORY)
    }
    assert {"README.md", "ci.md", "errors.md", "platforms.md"} <= {name for name, versions in named.items() if versions}
    assert {name: versions for name, versions in named.items() if versions - {declared}} == {}


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3rc1"])
def test_a_version_has_three_numbers(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parser().parse_args(["prepare", version])
    assert "is not a version of three numbers" in capsys.readouterr().err


def test_the_bill_of_materials_lists_what_the_package_carries(tmp_path: Path) -> None:
    (tmp_path / "runtime/lib/python3.14").mkdir(parents=True)
    document = json.loads(bill_of_materials(REPOSITORY, tmp_path))
    found = {component["name"]: component for component in document["components"]}
    assert found["cpython"]["version"] == "3.14"
    assert {"uv", "httpx", "structlog"} <= found.keys()
    assert "backports-zstd" not in found, "not carried on Python 3.14"
    (tmp_path / "runtime/lib/python3.14").rename(tmp_path / "runtime/lib/python3.13")
    assert b"backports-zstd" in bill_of_materials(REPOSITORY, tmp_path)
