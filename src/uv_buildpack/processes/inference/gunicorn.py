"""gunicorn's own configuration file: what it sets is not set again on the command line, where it would be overruled.

https://docs.gunicorn.org/en/stable/configure.html
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.files import SourceFile
from uv_buildpack.processes.inference.syntax import Module, assigned

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import PurePosixPath

    from uv_buildpack.processes.inference.servers import Server
    from uv_buildpack.processes.inference.sources import Sources

# Read by gunicorn itself in the directory where it is started (`gunicorn.config.get_default_config_file`, 20.0).
DEFAULT_FILE = "gunicorn.conf.py"
# Other names that projects use. `.conf.py` files are no modules, so the walk over the sources does not list them.
_USUAL_FILES = (
    "gunicorn_conf.py",
    "gunicorn_config.py",
    "gunicorn.config.py",
    "conf/gunicorn.py",
    "config/gunicorn.py",
)
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class GunicornFile(NamedTuple):
    """A configuration file, and the settings that it makes at its top level."""

    path: PurePosixPath
    settings: Mapping[str, ast.expr]

    @property
    def address(self) -> str:
        """Where it listens, if that is a plain text."""
        value = self.settings.get("bind")
        if isinstance(value, ast.List | ast.Tuple) and len(value.elts) == 1:
            value = value.elts[0]
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""

    @property
    def binds(self) -> bool:
        """Whether it says where to listen, in a way that can be reached from outside of the container."""
        return "bind" in self.settings and not self.address.startswith(_LOOPBACK)


def gunicorn_file(sources: Sources, directory: PurePosixPath) -> GunicornFile | None:
    """Return gunicorn's configuration for processes that start in the directory."""
    for name in (DEFAULT_FILE, *_USUAL_FILES):
        path = directory / name
        module = sources.module(path) if sources.exists(path) else None
        if isinstance(module, Module):
            settings = {name: value for one in module.statements for name, value in assigned(one.node)}
            return GunicornFile(path, settings)
    return None


def options(file: GunicornFile | None, server: Server, port: str, directory: PurePosixPath) -> dict[str, str]:
    """Return the parts of gunicorn's command line that depend on its configuration file."""
    settings = file.settings if file else {}
    parts = []
    if file and file.path.name != DEFAULT_FILE:
        parts.append(f"--config {file.path.relative_to(directory)}")
    if server.worker_class and "worker_class" not in settings:
        parts.append(f"--worker-class {server.worker_class}")
    bind = "" if file and file.binds else f"--bind 0.0.0.0:{port}"
    return {"settings": " ".join(parts), "bind": bind}


def notes(file: GunicornFile | None, sources: Sources) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return evidence and warnings about the file."""
    if file is None:
        return (), ()
    evidence = (f"{file.path}: gunicorn's configuration",)
    content = sources.content(SourceFile(str(file.path)))
    if file.binds and isinstance(content, bytes) and b"PORT" not in content:
        where = file.address or "another address"
        return evidence, (f"{file.path} sets `bind`: gunicorn listens on {where}, and $PORT has no effect",)
    return evidence, ()
