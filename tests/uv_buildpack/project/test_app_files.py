"""What is asked of the app's files before they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.project import app_files

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_there_and_a_directory_is_none(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").touch()
    assert app_files.is_file(tmp_path / "uv.lock")
    assert not app_files.is_file(tmp_path)


def test_what_is_missing_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").touch()
    (tmp_path / "itself").symlink_to("itself")
    assert not any(
        app_files.is_file(tmp_path / name) for name in ("none", "none/uv.lock", "uv.lock/uv.lock", "itself", "a\0b")
    )


def test_what_cannot_be_looked_for_is_not_missing(tmp_path: Path) -> None:
    """Of the reasons this one stops root as well."""
    with pytest.raises(OSError, match="too long"):
        app_files.is_file(tmp_path / ("x" * 300))
