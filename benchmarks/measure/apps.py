"""The applications that are built, in the states that the cases need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trial.pins import pinned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SMALL = ("fastapi", "uvicorn")
DEPENDENCIES: Mapping[str, Sequence[str]] = {
    "small": _SMALL,
    "F": (*_SMALL, "numpy", "pandas"),
    "large": (*_SMALL, "torch", "scipy", "transformers"),
}
# One small package whose version changes, one that comes and goes, one of the developers.
CHANGING, VERSIONS = "idna", ("3.10", "3.11")
COMING, DEVELOPMENT = "six", "iniconfig"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_IMPORTS = {
    "small": "",
    "F": "import numpy\nimport pandas\n",
    "large": "import scipy\nimport torch\nimport transformers\n",
}


@dataclass(frozen=True, slots=True)
class Tools:
    """uv, where it keeps its own cache, and the index."""

    uv: Path
    cache: Path
    index: str

    def run(self, directory: Path, *argv: str | Path) -> str:
        """Run uv. Raises CalledProcessError."""
        environment = {
            **{name: value for name, value in os.environ.items() if name.startswith(("SSL_", "HTTP", "http", "NO_"))},
            "PATH": os.environ["PATH"],
            "HOME": str(self.cache),
            "UV_CACHE_DIR": str(self.cache),
            "UV_PYTHON": sys.executable,
            "UV_PYTHON_DOWNLOADS": "never",
        }
        done = subprocess.run(
            [self.uv, *argv], cwd=directory, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout


@dataclass(frozen=True, slots=True)
class App:
    """An application in a directory, with a pair of `pyproject.toml` and `uv.lock` for each state."""

    name: str
    directory: Path
    states: Mapping[str, tuple[bytes, bytes]]
    packaged: bool

    def set_state(self, state: str) -> None:
        """Write the files of a state."""
        for name, content in zip(("pyproject.toml", "uv.lock"), self.states[state], strict=True):
            (self.directory / name).write_bytes(content)

    def edit(self, number: int) -> None:
        """Change one line of source."""
        path = self.directory / ("src/measured/settings.py" if self.packaged else "settings.py")
        path.write_text(f"NUMBER = {number}\n", encoding="utf-8")


def fetch_wheels(tools: Tools, names: Sequence[str], directory: Path) -> None:
    """Download all wheels that the applications need, unless they are there. Raises CalledProcessError."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in names:
        done = directory / f".{name}"
        if done.exists():
            continue
        wanted = [*DEPENDENCIES[name], COMING, DEVELOPMENT, "uv_build", f"{CHANGING}=={VERSIONS[0]}"]
        listed = directory / f"{name}.in"
        listed.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        chosen = directory / f"{name}.txt"
        bounds = directory / "bounds.txt"
        bounds.write_text("\n".join(_bounds()) + "\n", encoding="utf-8")
        options = ("--quiet", "--no-header", "--no-annotate", "--constraint", str(bounds), "--output-file", str(chosen))
        tools.run(directory, "pip", "compile", *options, listed)
        with chosen.open("a", encoding="utf-8") as opened:
            opened.write(f"{CHANGING}=={VERSIONS[1]}\n")
        for line in chosen.read_text(encoding="utf-8").splitlines():
            argv = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--quiet",
                "--no-cache-dir",
                "--no-deps",
                "--only-binary=:all:",
            ]
            subprocess.run([*argv, "--dest", directory, line], check=True)
        done.touch()


def _bounds() -> list[str]:
    """Return the pins of the packages that examples use too: not that of the one whose version changes."""
    return [line for line in pinned() if not line.startswith(f"{CHANGING}==")]


def create(name: str, directory: Path, tools: Tools, *, packaged: bool) -> App:
    """Write an application and lock each of its states. Raises CalledProcessError."""
    directory.mkdir(parents=True)
    base = list(DEPENDENCIES[name])
    variants = {
        "base": (base, [], VERSIONS[0]),
        "changed": (base, [], VERSIONS[1]),
        "added": ([*base, COMING], [], VERSIONS[0]),
        "development": (base, [DEVELOPMENT], VERSIONS[0]),
    }
    _write_source(name, directory, packaged=packaged)
    states = {}
    for state, (dependencies, development, version) in variants.items():
        text = _pyproject(dependencies, development, version, tools.index, packaged=packaged)
        (directory / "pyproject.toml").write_text(text, encoding="utf-8")
        tools.run(directory, "lock", "--quiet")
        states[state] = (text.encode(), (directory / "uv.lock").read_bytes())
    shutil.rmtree(directory / ".venv", ignore_errors=True)
    app = App(name, directory, states, packaged)
    app.set_state("base")
    return app


def _write_source(name: str, directory: Path, *, packaged: bool) -> None:
    package = directory / "src" / "measured"
    imports = f"from fastapi import FastAPI\n{_IMPORTS[name]}\n"
    body = imports + "import {settings}\n\napp = FastAPI(title=str({settings}.NUMBER))\n"
    (directory / ".python-version").write_text(f"{_PYTHON}\n", encoding="utf-8")
    if packaged:
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("", encoding="utf-8")
        (package / "settings.py").write_text("NUMBER = 0\n", encoding="utf-8")
        (package / "main.py").write_text(body.format(settings="measured.settings"), encoding="utf-8")
        (directory / "main.py").write_text("from measured.main import app\n", encoding="utf-8")
    else:
        (directory / "settings.py").write_text("NUMBER = 0\n", encoding="utf-8")
        (directory / "main.py").write_text(body.format(settings="settings"), encoding="utf-8")


def _pyproject(
    dependencies: Sequence[str], development: Sequence[str], version: str, index: str, *, packaged: bool
) -> str:
    lines = [
        "[project]",
        'name = "measured"',
        'version = "0.1.0"',
        f'requires-python = "=={_PYTHON}.*"',
        f"dependencies = {list(dependencies)}",
        "[dependency-groups]",
        f"dev = {list(development)}",
        "[tool.uv]",
        f"package = {str(packaged).lower()}",
        f'constraint-dependencies = ["{CHANGING}=={version}"]',
        "environments = [\"sys_platform == 'linux' and platform_machine == 'x86_64'\"]",
        f'index = [{{ name = "near", url = "{index}", default = true }}]',
        "[tool.uv-buildpack.processes]",
        'web = "python main.py"',
    ]
    if packaged:
        lines += ["[build-system]", 'requires = ["uv_build>=0.8"]', 'build-backend = "uv_build"']
    return "\n".join(lines) + "\n"
