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

    from uv_buildpack.processes.inference.facts import AppFacts
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
# A visitor of Flask-SocketIO keeps a connection open, so that a worker that serves one request at a time is busy with
# the first visitor. What it needs depends on what is installed, since that decides how it waits
# (https://flask-socketio.readthedocs.io/en/latest/deployment.html#gunicorn-web-server).
_SOCKET_WORKERS = {
    "eventlet": "eventlet",
    "gevent-websocket": "geventwebsocket.gunicorn.workers.GeventWebSocketWorker",
    "gevent": "gevent",
}
_SOCKET_THREADS = "--threads 100"
_WITHOUT_EVENTLET = 26
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
        module = sources.module(path)
        if isinstance(module, Module):
            settings = {name: value for one in module.statements for name, value in assigned(one.node)}
            return GunicornFile(path, settings)
    return None


def options(
    file: GunicornFile | None, server: Server, port: str, directory: PurePosixPath, sockets: str = ""
) -> dict[str, str]:
    """Return the parts of gunicorn's command line that depend on its configuration file.

    `sockets` is what serves websockets where nothing else says how many requests a worker serves at a time.
    """
    settings = file.settings if file else {}
    parts = []
    if file and file.path.name != DEFAULT_FILE:
        parts.append(f"--config {file.path.relative_to(directory)}")
    if server.worker_class and "worker_class" not in settings:
        parts.append(f"--worker-class {server.worker_class}")
    if not {"worker_class", "threads"} & settings.keys():
        parts.append(sockets)
    bind = "" if file and file.binds else f"--bind 0.0.0.0:{port}"
    return {"settings": " ".join(parts), "bind": bind}


def for_sockets(app: AppFacts, server: Server) -> str:
    """Return the options for an application with Flask-SocketIO."""
    if not _serves_sockets(app, server):
        return ""
    found = next((name for name in _SOCKET_WORKERS if name in app.installed), None)
    return f"--worker-class {_SOCKET_WORKERS[found]}" if found else _SOCKET_THREADS


def misfit(app: AppFacts, server: Server) -> str:
    """Return why the server cannot serve an application with Flask-SocketIO; empty if it can."""
    if not _serves_sockets(app, server) or "eventlet" not in app.installed:
        return ""
    major = app.installed["gunicorn"].partition(".")[0]
    if not major.isdecimal() or int(major) < _WITHOUT_EVENTLET:
        return ""
    return (
        f"{app.locked('gunicorn')}: has no worker for eventlet, which Flask-SocketIO uses where it is installed; "
        f"remove eventlet, or take gunicorn<{_WITHOUT_EVENTLET}"
    )


def _serves_sockets(app: AppFacts, server: Server) -> bool:
    return "flask-socketio" in app.direct and server.distributions == ("gunicorn",)


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
