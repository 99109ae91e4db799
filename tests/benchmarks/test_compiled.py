"""How much bytecode a build made, from the age of files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from measure.compiled import compiled

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    site_packages = tmp_path / "buildpack/venv/lib/python3.11/site-packages"
    _write(site_packages / "old-1.0.dist-info/RECORD", "old.py,,\n", age=1)
    _write(site_packages / "old.py", "", age=1)
    _write(site_packages / "__pycache__/old.cpython-311.pyc", "", age=2)
    _write(site_packages / "new-1.0.dist-info/RECORD", "new.py,,\nnew.txt,,\n", age=3)
    _write(site_packages / "new.py", "", age=3)
    _write(site_packages / "__pycache__/new.cpython-311.pyc", "", age=4)
    return tmp_path


def _write(path: Path, text: str, *, age: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (age, age))


def test_bytecode_that_was_there_before_the_last_installation_was_not_made(layers: Path) -> None:
    assert compiled(layers) == (1, 1)


def test_bytecode_of_heavy_packages_counts(layers: Path) -> None:
    heavy = layers / "buildpack/packages-heavy/site-packages/heavy"
    _write(heavy / "it.py", "", age=3)
    _write(heavy / "__pycache__/it.cpython-311.pyc", "", age=5)
    assert compiled(layers) == (2, 1)
    _write(heavy / "it.py", "", age=6)  # both from a snapshot, which has it after its bytecode
    assert compiled(layers) == (1, 1)


def test_a_build_without_an_environment_on_the_disk_compiled_nothing(tmp_path: Path) -> None:
    assert compiled(tmp_path) == (0, 0)
