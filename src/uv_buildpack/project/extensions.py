"""Local packages with extension modules, whose editable installation would write them into the tree.

There the next build, which gets a fresh app directory, would not have them. So they are installed as copies, and are
compiled once. A package that this page does not know is found out when it has written something.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.project.files import Pyproject

_COMPILING = frozenset({"maturin", "mesonpy"})
_SETUPTOOLS = "setuptools"
_EXTENSIONS = re.compile(
    r"\b(?:ext_modules|Extension|CppExtension|CUDAExtension|cythonize|Pybind11Extension|rust_extensions|RustExtension"
    r"|cffi_modules|mypycify)\b"
)


def compiles(place: Path, pyproject: Pyproject | None) -> bool:
    """Return whether the package in `place` has extension modules beside its sources. Raises `OSError`."""
    system = pyproject.table("build-system") if pyproject else {}
    backend = str(system.get("build-backend", _SETUPTOOLS)).partition(".")[0]
    if backend != _SETUPTOOLS or "backend-path" in system:
        return backend in _COMPILING
    tool = pyproject.table("tool") if pyproject else {}
    if "setuptools-rust" in tool or (pyproject and "ext-modules" in pyproject.table("tool", "setuptools")):
        return True
    program = place / "setup.py"
    return program.is_file() and _EXTENSIONS.search(program.read_text(encoding="utf-8", errors="replace")) is not None
