"""The application that a campaign edits: a uv project with a package of each local kind, and a program that reports."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import tomli_w
from integration.campaign.distributions import BACKEND, Distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REPORT = Path(__file__).with_name("report.py")
WHEEL = "vendor/wheeled-1.0-py3-none-any.whl"
_OWN_BACKEND = {"requires": [], "build-backend": "backend", "backend-path": ["."]}
_STATIC_BACKEND = {"requires": ["uv_build>=0.8"], "build-backend": "uv_build"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A package in the application directory."""

    name: str
    path: str
    stamp: bool = False
    """Its backend writes a module into the tree."""
    static: bool = False
    """It is built by uv itself."""
    against: str = ""
    """A module that its backend imports."""
    dynamic: bool = False
    """Its backend says what it depends on."""

    @property
    def module(self) -> str:
        """The package that can be imported."""
        return self.name.replace("-", "_")

    @property
    def source(self) -> str:
        """Where its modules are, below the application directory."""
        return os.path.normpath(f"{self.path}/src/{self.module}")


ROOT = Local(name="app", path=".", static=True)
LOCALS = (
    Local(name="member-static", path="members/static", static=True),
    Local(name="member-stamped", path="members/stamped", stamp=True),
    Local(name="path-plain", path="vendor/plain"),
    Local(name="path-stamped", path="vendor/stamped [v2] #1;@100% é", stamp=True),
    Local(name="path-dynamic", path="vendor/dynamic", stamp=True, dynamic=True),
    Local(name="path-seer", path="vendor/it's seen", against="plain"),
)
GUEST = Local(name="member-guest", path="members/guest & co", static=True)
"""A member that comes and goes."""
ASSETS = "vendor/plain/assets"
_REQUIREMENTS = "requirements.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What edits a project as its developer would: uv, with an interpreter and a cache of its own."""

    uv: Path
    python: Path
    cache: Path
    index: str

    def run(self, directory: Path, *argv: str) -> str:
        """Run uv in a project and return what it printed. Raises CalledProcessError."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.cache),
            "UV_CACHE_DIR": str(self.cache),
            "UV_PYTHON": str(self.python),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_CONFIG": "0",
        }
        done = subprocess.run(
            [self.uv, *argv], cwd=directory, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
        return done.stdout


@dataclass(frozen=True, slots=True)
class Application:
    """The application's directory, and what is done to it."""

    directory: Path
    tools: Tools

    def document(self, path: str = ".") -> dict[str, Any]:
        """Read the `pyproject.toml` of a local package."""
        return tomllib.loads((self.directory / path / "pyproject.toml").read_text(encoding="utf-8"))

    def change(self, change: Callable[[dict[str, Any]], object], path: str = ".") -> None:
        """Change a `pyproject.toml`. Comments in it are lost."""
        document = self.document(path)
        change(document)
        (self.directory / path / "pyproject.toml").write_text(tomli_w.dumps(document), encoding="utf-8")

    def lock(self, *arguments: str) -> None:
        """Lock again. Raises CalledProcessError."""
        self.uv("lock", "--quiet", *arguments)

    def uv(self, *arguments: str) -> None:
        """Run uv, and remove what backends left in the tree. Raises CalledProcessError."""
        try:
            self.tools.run(self.directory, *arguments)
        finally:
            for local in LOCALS:
                (self.directory / local.source / "stamp.py").unlink(missing_ok=True)

    def locals(self) -> tuple[Local, ...]:
        """Return the local packages that are there."""
        return (ROOT, *LOCALS, *([GUEST] if (self.directory / GUEST.path).exists() else []))

    def dependencies(self) -> list[str]:
        """Return the names in `dependencies`."""
        return [name.split("=")[0].split("[")[0] for name in self.document()["project"]["dependencies"]]

    def locked(self) -> dict[str, str]:
        """Return name → version of what the lock has from the index."""
        document = tomllib.loads((self.directory / "uv.lock").read_text(encoding="utf-8"))
        return {package["name"]: package["version"] for package in document["package"] if "version" in package}

    def selected(self, options: Sequence[str]) -> dict[str, str]:
        """Ask uv what these options of `uv sync` install: name → version, empty for a local package."""
        arguments = ["--frozen", "--no-hashes", "--no-header", "--no-annotate", "--no-default-groups", "--quiet"]
        lines = self.tools.run(self.directory, "export", *arguments, *options).splitlines()
        found = {}
        for line in lines:
            text = line.partition(" ; ")[0].removeprefix("-e ")
            name, _, version = text.partition("==")
            local = text.startswith(".")
            found[self._named(unquote(text)) if local else name.partition("[")[0]] = "" if local else version
        return found

    def _named(self, path: str) -> str:
        if path.endswith(".whl"):
            return Path(path).name.split("-")[0]
        return str(self.document(path)["project"]["name"])

    def saved(self) -> dict[str, bytes]:
        """Keep the files that uv and `change` write."""
        paths = [self.directory / "uv.lock", self.directory / WHEEL]
        paths += [path for name in ("pyproject.toml", _REQUIREMENTS) for path in self.directory.rglob(name)]
        return {str(path): path.read_bytes() for path in paths}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Put back what was saved."""
        for name, content in saved.items():
            Path(name).write_bytes(content)

    def is_packaged(self) -> bool:
        """Return whether the root project is a package itself."""
        return bool(self.document()["tool"]["uv"].get("package", True))


def create(directory: Path, tools: Tools, oldest: str) -> Application:
    """Write an application and its lock; a group is for the `oldest` Python alone. Raises CalledProcessError."""
    directory.mkdir(parents=True)
    application = Application(directory, tools)
    shutil.copy(REPORT, directory / "main.py")
    (directory / "README.md").write_text("# Nothing\n", encoding="utf-8")
    (directory / "settings.py").write_text("VALUE = 0\n", encoding="utf-8")
    document = _root_document(tools.index, oldest)
    (directory / "pyproject.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
    for local in (ROOT, *LOCALS):
        write_local(directory, local)
    _write_wheel(directory)
    application.lock()
    return application


def _root_document(index: str, oldest: str) -> dict[str, Any]:
    sources: dict[str, Any] = {
        local.name: {"workspace": True} if local.path.startswith("members/") else {"path": local.path}
        for local in LOCALS
    }
    sources["path-plain"]["editable"] = True
    sources["wheeled"] = {"path": WHEEL}
    return {
        "project": {
            "name": "app",
            "version": "0.1.0",
            "requires-python": ">=3.11",
            "dependencies": ["plain", "weight", "pair-right", "space-heavy", "odd", "member-static", "path-plain"],
            "optional-dependencies": {"more": ["tool"], "space": ["space-one"]},
            "scripts": {"app-run": "app:main"},
        },
        "dependency-groups": {"dev": ["single"], "operations": ["space-two"], "empty": [], "old": ["single"]},
        "build-system": _STATIC_BACKEND,
        "tool": {
            "uv": {
                "package": False,
                "index": [{"name": "campaign", "url": index, "default": True}],
                "sources": sources,
                "workspace": {"members": ["members/*"]},
                "dependency-groups": {"old": {"requires-python": f"=={oldest}.*"}},
                "no-build-isolation-package": ["seer", "path-seer"],
            },
            "uv-buildpack": {"processes": {"web": "python main.py"}},
        },
    }


def write_local(directory: Path, local: Local) -> None:
    """Write a local package."""
    package = directory / local.source
    package.mkdir(parents=True)
    body = f'VALUE = "{local.name} 0"\n\n\ndef main():\n    print(VALUE)\n'
    (package / "__init__.py").write_text(body, encoding="utf-8")
    (package / "part.py").write_text("PART = 0\n", encoding="utf-8")
    if local is ROOT:
        return
    document: dict[str, Any] = {
        "project": {"name": local.name, "version": "0.1.0", "requires-python": ">=3.11", "dependencies": []},
        "build-system": _STATIC_BACKEND if local.static else _OWN_BACKEND,
    }
    if local.dynamic:
        del document["project"]["dependencies"]
        document["project"]["dynamic"] = ["dependencies"]
        write_requirements(directory, "plain")
    if local.against:
        document["project"]["dependencies"] = [local.against]
    document["tool"] = {"tiny": {"stamp": local.stamp, "against": local.against}}
    (directory / local.path / "pyproject.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
    if not local.static:
        shutil.copy(BACKEND, directory / local.path / "backend.py")


def _write_wheel(directory: Path, value: str = "wheeled 0") -> None:
    wheel = Distribution(name="wheeled", version="1.0", files={"wheeled.py": f"VALUE = {json.dumps(value)}\n".encode()})
    (directory / WHEEL).write_bytes(wheel.content())


def write_requirements(directory: Path, name: str) -> None:
    """Write what the package with dynamic dependencies depends on."""
    for local in LOCALS:
        if local.dynamic:
            (directory / local.path / _REQUIREMENTS).write_text(f"{name}\n", encoding="utf-8")


def rewrite_wheel(application: Application, value: str) -> None:
    """Replace the wheel in the application by one of the same name with other contents."""
    _write_wheel(application.directory, value)
