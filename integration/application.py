"""Apps that cases are about: files in a directory, edited and locked as a developer does."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv import find_uv_bin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_VARIABLES = ("PATH", "HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "NO_PROXY", "UV_DEFAULT_INDEX", "TMPDIR")


@dataclass(frozen=True, slots=True)
class App:
    """An app directory."""

    directory: Path

    def write(self, files: Mapping[str, str]) -> None:
        """Write files, and the directories that they need."""
        for name, text in files.items():
            path = self.directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        """Replace a text that must be there."""
        text = (self.directory / name).read_text(encoding="utf-8")
        assert old in text
        (self.directory / name).write_text(text.replace(old, new), encoding="utf-8")

    def uv(self, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        """Run uv there, with the Python that runs this."""
        environment = {name: os.environ[name] for name in _VARIABLES if name in os.environ}
        environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_PYTHON": sys.executable, "UV_NO_PROGRESS": "1"}
        argv = [find_uv_bin(), *arguments, "--quiet"]
        done = subprocess.run(
            argv,
            cwd=self.directory,
            env=environment | dict(variables or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def lock(self, *arguments: str, variables: Mapping[str, str] | None = None) -> None:
        """Run `uv lock`."""
        self.uv("lock", *arguments, variables=variables)


def project(  # noqa: PLR0913 (what a pyproject.toml consists of)
    name: str,
    dependencies: tuple[str, ...] = (),
    *,
    index: str = "",
    version: str = "1.0",
    more: str = "",
    packaged: bool = False,
) -> str:
    """Return a `pyproject.toml`: `index` is the only one it uses; `more` is added at its end."""
    lines = [
        "[project]",
        f'name = "{name}"',
        f'version = "{version}"',
        'requires-python = ">=3.9"',
        f"dependencies = {list(dependencies)!r}",
    ]
    if packaged:
        # uv's own backend, of the uv that builds: nothing is fetched for it.
        lines += ["[build-system]", 'requires = ["uv_build"]', 'build-backend = "uv_build"']
    if index:
        lines += ["[[tool.uv.index]]", 'name = "tests"', f'url = "{index}"', "default = true"]
    return "\n".join([*lines, more, ""])
