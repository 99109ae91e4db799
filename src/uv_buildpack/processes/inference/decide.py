"""From facts about the application to process types, each with its evidence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from uv_buildpack.processes.inference.roots import HERE
from uv_buildpack.processes.inference.rules import FRAMEWORKS, PORT, SERVERS, WORKERS, Framework, Server
from uv_buildpack.processes.inference.search import AppObject, Search

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_ENTRYPOINT = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<name>[A-Za-z_]\w*)\Z")
# What a script's name and a process type have in common.
_SCRIPT = re.compile(r"[A-Za-z0-9._-]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """What inference goes by. Names of distributions are normalised."""

    project_dir: Path
    direct_dependencies: frozenset[str]
    """Of the installed groups and extras too."""
    installed: Mapping[str, str]
    """Everything that is installed from the lock: name → version."""
    packaged: bool
    """The project is installed itself, so that its modules are importable and its scripts exist."""
    pyproject: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class InferredProcess:
    """A process type; `command` is a command line as in a Procfile. `evidence` is why, in lines."""

    type: str
    command: str
    evidence: tuple[str, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inference:
    """What was inferred, and, when there is no web process, what was considered and the line to write."""

    processes: tuple[InferredProcess, ...]
    considered: tuple[str, ...]
    suggestion: str


@dataclass(frozen=True, slots=True)
class _Web:
    """The answer to "what serves the web?": a process, or considerations and a suggested command."""

    process: InferredProcess | None = None
    considered: tuple[str, ...] = ()
    command: str = "python -m your_package"


def infer(app: AppFacts) -> Inference:
    """Infer the process types: `web` from an application object and a server, and each console script."""
    web = _web(app)
    scripts, not_scripts = _scripts(app)
    taken = {script.type for script in scripts}
    found = [web.process] if web.process and web.process.type not in taken else []
    return Inference(
        processes=(*found, *scripts),
        considered=(*web.considered, *not_scripts),
        suggestion=f'[tool.uv-buildpack.processes]\nweb = "{web.command}"',
    )


def _web(app: AppFacts) -> _Web:
    frameworks = [one for one in FRAMEWORKS if one.distribution in app.direct_dependencies]
    if not frameworks:
        names = ", ".join(framework.name for framework in FRAMEWORKS)
        return _Web(considered=(f"pyproject.toml: none of {names} is a direct dependency",))
    search = Search(app.project_dir, frameworks, app.installed)
    candidates = _declared(app, search) or _likeliest(search.candidates(), app)
    considered = tuple(search.considered)
    if not candidates:
        return _Web(considered=considered, command=_example(frameworks[0], app))
    server = _server(candidates[0].binding.framework, app)
    if server is None:
        return _Web(considered=(*considered, _no_server(candidates[0].binding.framework)))
    command = _command(server, candidates[0], app)
    if len(candidates) > 1:
        evidence = tuple(f"{one.evidence}, one of several" for one in candidates)
        return _Web(considered=evidence, command=command)
    return _Web(process=_process(server, candidates[0], command, app), considered=considered)


def _declared(app: AppFacts, search: Search) -> list[AppObject]:
    """What `[tool.fastapi] entrypoint` says: the one declared hint that real applications have."""
    table = app.pyproject.get("tool", {}).get("fastapi", {})
    entrypoint = table.get("entrypoint") if isinstance(table, dict) else None
    if entrypoint is None or search.frameworks[0].name != "FastAPI":
        return []
    match = _ENTRYPOINT.match(entrypoint) if isinstance(entrypoint, str) else None
    found = search.named(match["module"], match["name"]) if match else None
    if found is None:
        search.considered.append(f"[tool.fastapi] entrypoint {entrypoint!r}: no such module here")
    return [found] if found else []


def _likeliest(candidates: Sequence[AppObject], app: AppFacts) -> Sequence[AppObject]:
    """Of several equals, the one in a package that is called like the project, or `app`."""
    project = app.pyproject.get("project", {}).get("name", "")
    own = {"app", re.sub(r"[-_.]+", "_", str(project)).lower()}
    preferred = [one for one in candidates if own & set(one.file.path.parts[:-1])]
    return preferred if len(preferred) == 1 else candidates


def _server(framework: Framework, app: AppFacts) -> Server | None:
    """The installed server: one that is asked for before one that rides along, its own the last."""
    fitting = [
        server
        for server in SERVERS
        if server.interface == framework.interface and set(server.distributions) <= set(app.installed)
    ]
    direct = [one for one in fitting if set(one.distributions) <= app.direct_dependencies]
    return next(iter([*direct, *fitting]), framework.own_server)


def _command(server: Server, found: AppObject, app: AppFacts) -> str:
    root = HERE if _is_importable(found, app) else found.root
    names = {
        "module": found.module,
        "name": found.binding.name,
        "prefix": "" if root == HERE else f"{root}/",
    }
    template = server.factory if found.binding.factory else server.target
    command = server.command.format(
        target=template.format(**names),
        path="" if root == HERE else server.path.format(root=root),
        port=PORT,
        workers=WORKERS,
    )
    return " ".join(command.split())


def _is_importable(found: AppObject, app: AppFacts) -> bool:
    """Tell whether installing the project puts the module on the import path: a package below `src`."""
    return app.packaged and found.root == PurePosixPath("src") and "." in found.module


def _process(server: Server, found: AppObject, command: str, app: AppFacts) -> InferredProcess:
    versions = (f"{name} {app.installed[name]} in uv.lock" for name in server.distributions)
    own = server == found.binding.framework.own_server
    warnings = (_development_server(server, found.binding.framework),) if own else ()
    return InferredProcess("web", command, (found.evidence, *versions), warnings)


def _development_server(server: Server, framework: Framework) -> str:
    return (
        f"no production server in uv.lock: {server.name}'s development server is started; "
        f"`uv add {_proposed_server(framework)}` changes that"
    )


def _no_server(framework: Framework) -> str:
    proposed = _proposed_server(framework)
    return f"uv.lock: no server for {framework.name} in it; `uv add {proposed}` adds one"


def _proposed_server(framework: Framework) -> str:
    """The plainest: the first that needs no second distribution, of those every tutorial names."""
    return "uvicorn" if framework.interface == "asgi" else "gunicorn"


def _example(framework: Framework, app: AppFacts) -> str:
    proposed = _proposed_server(framework)
    server = _server(framework, app) or next(one for one in SERVERS if one.name == proposed)
    target = server.target.format(module="your_module", name="app", prefix="")
    command = server.command.format(target=target, path="", port=PORT, workers=WORKERS)
    return " ".join(command.split())


def _scripts(app: AppFacts) -> tuple[list[InferredProcess], list[str]]:
    """Each of `[project.scripts]` is a process type of its own, executed directly."""
    scripts = app.pyproject.get("project", {}).get("scripts", {})
    if scripts and not app.packaged:
        reason = "not installed, the project has no build system (or tool.uv.package is false)"
        return [], [f"[project.scripts]: {reason}"]
    fitting = [name for name in scripts if _SCRIPT.match(name)]
    processes = [
        InferredProcess(name, name, (f"pyproject.toml: [project.scripts] {name} = {scripts[name]!r}",))
        for name in fitting
    ]
    return processes, [f"[project.scripts] {n}: no process type" for n in scripts if n not in fitting]
