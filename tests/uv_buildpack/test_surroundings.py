"""What is around the app: the C library."""

from __future__ import annotations

import sys
from pathlib import Path

from uv_buildpack.surroundings import libc


def test_the_c_library_is_that_of_the_interpreter_whatever_else_is_installed() -> None:
    # The path of the loader is in the header of each program.
    loaders = {b"/ld-linux": "gnu", b"/ld64.so": "gnu", b"/ld-musl-": "musl"}
    program = Path(sys.executable).resolve().read_bytes()
    assert libc() in {name for loader, name in loaders.items() if loader in program}
