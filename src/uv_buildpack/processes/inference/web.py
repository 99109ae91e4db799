"""What serves the web: every candidate, and what speaks against it."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference import django, gunicorn, mcp, servers, ui
from uv_buildpack.processes.inference.applications import AppObject, declared_application, find_applications
from uv_buildpack.processes.inference.completion import completed
from uv_buildpack.processes.inference.facts import HERE, AppFacts, InferredProcess
from uv_buildpack.processes.inference.serving import (
    Web,
    active,
    asked_for,
    command_for,
    example_of,
    no_server,
    proposed_server,
    served,
)
from uv_buildpack.processes.inference.starters import DJANGO, MCP, WEB, Modules, Nothing, Objects, Starter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uv_buildpack.processes.inference.django import DjangoProject
    from uv_buildpack.processes.inference.sources import Sources

_ENTRYPOINT = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)\Z")


def find_web(app: AppFacts, sources: Sources, projects: Sequence[DjangoProject]) -> Web:
    """Return what may serve the web."""
    web = Web()
    starters = [*active(app, WEB), *_riding(app, sources)]
    for project in projects:
        _django(app, sources, project, web)
    objects = [starter for starter in starters if isinstance(starter.looks_for, Objects)]
    found_objects = _objects(app, sources, objects, web) if objects else []
    for starter in starters:
        if not isinstance(starter.looks_for, Objects):
            _other(app, sources, starter, web, found_objects)
    mcp.find_servers(app, sources, web)
    if not web.candidates and not projects and not starters and not active(app, MCP):
        web.considered.append(_nothing_to_go_by(app))
    return web


def _riding(app: AppFacts, sources: Sources) -> list[Starter]:
    """Return Starlette's row where MCP brought Starlette along, and the sources use it: for a server's own routes."""
    starlette = next(starter for starter in WEB if starter.name == "Starlette")
    if asked_for(app, starlette) or "starlette" not in app.installed or not active(app, MCP):
        return []
    return [starlette] if any(sources.mentioning([b"starlette.applications"])) else []


def _nothing_to_go_by(app: AppFacts) -> str:
    names = {name: starter.name for starter in (*WEB, DJANGO) for name in starter.distributions}
    for name, framework in names.items():
        if name in app.elsewhere:
            return f"pyproject.toml: {framework} is a dependency that {app.elsewhere[name]} would install"
    return "pyproject.toml: no web framework is a direct dependency"


def _objects(app: AppFacts, sources: Sources, starters: Sequence[Starter], web: Web) -> list[AppObject]:
    """Add candidates from application objects, and return the objects."""
    declared = _declared(app, sources, starters, web)
    found = find_applications(sources, starters)
    applications = [declared] if declared else _configured(_likeliest(found.applications, app), app, sources)
    web.considered += found.considered
    if not declared:
        web.doubts += found.doubts
    if not applications:
        web.example = web.example or _example(starters[0].objects, app)
        return []
    if len(applications) == 1 and not declared:
        applications = [completed(sources, applications[0], web.doubts)]
    for one in applications:
        candidate = served(app, sources, one, web)
        if candidate:
            web.candidates.append(candidate)
    return list(applications)


def _declared(app: AppFacts, sources: Sources, starters: Sequence[Starter], web: Web) -> AppObject | None:
    """Return what `[tool.fastapi] entrypoint` says: the one declared hint that real applications have."""
    table = app.pyproject.get("tool", {}).get("fastapi", {})
    entrypoint = table.get("entrypoint") if isinstance(table, dict) else None
    fastapi = next((starter for starter in starters if starter.name == "FastAPI"), None)
    if entrypoint is None or fastapi is None:
        return None
    match = _ENTRYPOINT.match(entrypoint) if isinstance(entrypoint, str) else None
    found = declared_application(sources, match["module"], match["name"], fastapi) if match else None
    if found is None:
        web.considered.append(f"[tool.fastapi] entrypoint {entrypoint!r}: no such module here")
    return found


def _configured(candidates: Sequence[AppObject], app: AppFacts, sources: Sources) -> Sequence[AppObject]:
    """Return, of several equals, the one that gunicorn's configuration names."""
    file = gunicorn.gunicorn_file(sources, HERE) if len(candidates) > 1 and "gunicorn" in app.installed else None
    named = file.settings.get("wsgi_app") if file else None
    target = named.value if isinstance(named, ast.Constant) else None
    found = [one for one in candidates if f"{one.module}:{one.binding.name}{'()' * one.binding.factory}" == target]
    return found or candidates


def _likeliest(candidates: Sequence[AppObject], app: AppFacts) -> Sequence[AppObject]:
    """Return, of several equals, those in a package that is named like the project, or `app`."""
    own = {"app", re.sub(r"[-_.]+", "_", app.name).lower()}
    preferred = [one for one in candidates if own & set(one.file.path.parts[:-1])]
    return preferred if len(preferred) == 1 else candidates


def _example(objects: Objects, app: AppFacts) -> str:
    interface = next(iter(objects.classes.values()))
    server = servers.preferred(servers.fitting(interface, app.installed), app.direct) or proposed_server(interface)
    return example_of(server)


def _django(app: AppFacts, sources: Sources, project: DjangoProject, web: Web) -> None:
    """Take the candidate of a Django project: its WSGI module, or its ASGI module if the server takes that."""
    missing = django.missing_settings(project, sources)
    if missing:
        web.doubts.append(missing)
    asgi_first = project.custom_asgi or {"gunicorn", "uvicorn-worker"} <= app.direct
    order = ("asgi", "wsgi") if asgi_first else ("wsgi", "asgi")
    by_interface = {name: _of_interface(project, name) for name in order}
    for interface in order:
        if len(by_interface[interface]) > 1:
            web.doubts += [f"{one.evidence}, one of several" for one in by_interface[interface]]
            by_interface[interface] = by_interface[interface][:1]
    options = [
        (server, one)
        for interface in order
        for one in by_interface[interface]
        for server in servers.fitting(interface, app.installed)
        # hypercorn is there for ASGI; that it serves WSGI as well helps where there is nothing else.
        if not (interface == "wsgi" and server.name == "hypercorn" and by_interface["asgi"])
    ]
    asked = [option for option in options if set(option[0].distributions) <= app.direct]
    if project.custom_asgi:
        asked = [option for option in asked if option[0].interface == "asgi"]
    chosen = next(iter([*asked, *options]), None)
    if chosen is None:
        _django_without(app, sources, project, by_interface, web)
        return
    server, application = chosen
    command, evidence, warnings = command_for(app, sources, server, application, project.directory)
    manage = (f"{project.manage}: starts in {project.directory}",) if project.directory != HERE else ()
    versions = map(app.locked, server.distributions)
    web.candidates.append(
        InferredProcess(
            type="web",
            command=command,
            evidence=(application.evidence, *manage, *evidence, *versions),
            warnings=warnings,
            directory=project.directory,
        )
    )


def _of_interface(project: DjangoProject, interface: str) -> list[AppObject]:
    """Return the applications with an interface; of several those in the usual file."""
    found = [one for one in project.applications if one.binding.kind.interface == interface]
    usual = [one for one in found if interface in one.file.path.with_suffix("").parts]
    return usual if len(usual) == 1 else found


def _django_without(
    app: AppFacts, sources: Sources, project: DjangoProject, found: dict[str, list[AppObject]], web: Web
) -> None:
    applications = [one for interface in ("wsgi", "asgi") for one in found.get(interface, ())]
    if not applications:
        where = project.manage or "manage.py"
        web.doubts.append(f"{where}: a Django project, but no module that calls get_wsgi_application()")
        return
    first = applications[0]
    interface = first.binding.kind.interface
    web.doubts += [first.evidence, no_server(app, interface, "Django")]
    web.example = command_for(app, sources, proposed_server(interface), first, project.directory)[0]


def _other(app: AppFacts, sources: Sources, starter: Starter, web: Web, objects: Sequence[AppObject]) -> None:
    """Add candidates from modules and programs, unless they are part of an application that was found."""
    if isinstance(starter.looks_for, Nothing):
        if sources.exists(starter.looks_for.file):
            web.doubts.append(f"{starter.looks_for.file}: {starter.looks_for.reason}")
        return
    mounted = isinstance(starter.looks_for, Modules) and starter.looks_for.mounted_by
    if mounted and any(sources.mentioning([mounted.encode()], [one.file for one in objects])):
        return
    served_otherwise = bool(web.candidates)
    for candidate, file in ui.find(app, sources, starter, web.considered):
        aside = isinstance(starter.looks_for, Modules) and str(file.parent) == starter.looks_for.directory
        if any(one.file.path == file for one in objects) or (aside and served_otherwise):
            continue
        web.candidates.append(candidate)
