"""The checks of `.github`: zizmor always, actionlint where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def check(repository: Path) -> int:
    """Run the checks, and return 1 if one of them found something."""
    # Without --offline zizmor asks GitHub about the actions that are used.
    commands = [["zizmor", "--offline", "--persona=pedantic", "--no-progress", ".github"]]
    if shutil.which("actionlint"):
        commands.append(["actionlint"])
    else:
        print("actionlint is not on PATH: not run (go install github.com/rhysd/actionlint/cmd/actionlint@latest)")
    codes = [subprocess.run(argv, cwd=repository, check=False).returncode for argv in commands]
    return int(any(codes))
