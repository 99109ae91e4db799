"""How an application object is served: which of the installed servers, and with which command."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference import gunicorn, servers, uwsgi
from uv_buildpack.processes.inference.commands import is_importable, one_line, quoted
from uv_buildpack.processes.inference.facts import HERE, AppFacts, InferredProcess
from uv_buildpack.processes.inference.servers import PORT, WORKERS, Server

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePosixPath

    from uv_buildpack.processes.inference.applications import AppObject
    from uv_buildpack.processes.inference.sources import Sources
    from uv_buildpack.processes.inference.starters import Starter


@dataclass(slots=True)
class Web:
    """Candidates for `web`: it is certain if there is one, and nothing in `doubts`."""

    candidates: list[InferredProcess] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    considered: list[str] = field(default_factory=list)
    example: str = ""
    """A command to suggest where there is no candidate."""

    @property
    def certain(self) -> InferredProcess | None:
        """The one process that serves the web."""
        return self.candidates[0] if len(self.candidates) == 1 and not self.doubts else None


def active(app: AppFacts, starters: Iterable[Starter]) -> list[Starter]:
    """Return the rows whose framework is asked for."""
    return [starter for starter in starters if asked_for(app, starter)]


def asked_for(app: AppFacts, starter: Starter) -> str:
    """Return the distribution of a framework that the project asks for; empty if there is none.

    By a direct dependency on it, or on a package for it that brings it along, such as `flask-restx`.
    """
    for name in starter.distributions:
        if name in app.direct:
            return name
    for name in starter.distributions:
        if name in app.installed and any(one.startswith(f"{name}-") for one in app.direct):
            return name
    return ""


def served(app: AppFacts, sources: Sources, found: AppObject, web: Web) -> InferredProcess | None:
    """Return the process that serves an application, or say in `web` why there is none."""
    kind = found.binding.kind
    if kind.interface == "dash":
        web.doubts.append(f"{found.evidence}, but not the application of its server: add `server = app.server`")
        return None
    installed = servers.fitting(kind.interface, app.installed, factory=found.binding.factory)
    server = servers.preferred(installed, _asked_for(app))
    own = kind.starter.objects.own_server
    development = server is None and own is not None and set(own.distributions) <= app.installed.keys()
    server = own if development else server
    if server is None:
        web.doubts.append(found.evidence)
        web.doubts.append(no_server(app, kind.interface, kind.starter.name))
        web.example = command_for(app, sources, proposed_server(kind.interface), found)[0]
        return None
    misfit = gunicorn.misfit(app, server)
    if misfit:
        web.doubts.append(misfit)
    command, evidence, warnings = command_for(app, sources, server, found)
    if development:
        warnings = (*warnings, _development_server(server, kind.interface, app.lock))
    declared = app.pyproject.get("tool", {}).get("fastapi", {})
    by = ("declared as [tool.fastapi] entrypoint",) if declared and kind.starter.name == "FastAPI" else ()
    versions = map(app.locked, server.distributions)
    return InferredProcess(
        type="web", command=command, evidence=(found.evidence, *by, *evidence, *versions), warnings=warnings
    )


def _asked_for(app: AppFacts) -> frozenset[str]:
    """Return the direct dependencies. fastapi-cli is asked for to run uvicorn."""
    return app.direct | ({"uvicorn"} if "fastapi-cli" in app.direct else set())


def command_for(
    app: AppFacts, sources: Sources, server: Server, found: AppObject, directory: PurePosixPath = HERE
) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the command that serves an application from `directory`, with evidence and warnings about it."""
    root = found.root.relative_to(directory) if found.root.is_relative_to(directory) else found.root
    root = HERE if is_importable(app, found.root, found.module) else root
    names = {
        "module": found.module,
        "name": found.binding.name,
        "file": quoted(found.file.path),
        "prefix": "" if root == HERE else f"{root}/",
    }
    template = server.factory if found.binding.factory else server.target
    target = template.format(**names)
    if server.is_uwsgi:
        ini = uwsgi.uwsgi_file(sources, directory)
        settings = uwsgi.options(ini, target)
        evidence, warnings = uwsgi.notes(ini)
    else:
        file = gunicorn.gunicorn_file(sources, directory) if "gunicorn" in server.distributions else None
        settings = gunicorn.options(file, server, PORT, directory, gunicorn.for_sockets(app, server))
        evidence, warnings = gunicorn.notes(file, sources)
    command = server.command.format(
        target=target,
        path="" if root == HERE else server.path.format(root=root),
        port=PORT,
        workers=WORKERS,
        **names,
        **settings,
    )
    return one_line(command), evidence, warnings


def example_of(server: Server) -> str:
    """Return the command of a server for an application whose name is to be filled in."""
    names = {"module": "your_module", "name": "app", "prefix": "", "file": "your_module.py"}
    target = server.target.format(**names)
    settings = uwsgi.options(None, target) if server.is_uwsgi else gunicorn.options(None, server, PORT, HERE)
    return one_line(server.command.format(target=target, path="", port=PORT, workers=WORKERS, **names, **settings))


def _development_server(server: Server, interface: str, lock: str) -> str:
    return (
        f"no production server in {lock}: {server.name}'s development server is started; "
        f"`uv add {servers.proposed(interface)}` changes that"
    )


def no_server(app: AppFacts, interface: str, framework: str) -> str:
    """Return what to do where no server is installed: add one, or install the group or extra that has one."""
    fitting = (server for server in servers.SERVERS if server.interface == interface)
    for name in (name for server in fitting for name in server.distributions):
        if name in app.elsewhere:
            return f"{name}, which serves {framework}, is not installed: {app.elsewhere[name]} installs it"
    return f"{app.lock}: no server for {framework} in it; `uv add {servers.proposed(interface)}` adds one"


def proposed_server(interface: str) -> Server:
    """Return the server that a message proposes."""
    name = servers.proposed(interface)
    return next(one for one in servers.SERVERS if one.name == name)
