"""From facts about the application to process types, each with its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uv_buildpack.processes.inference.django import find_projects
from uv_buildpack.processes.inference.facts import AppFacts, Inference, InferredProcess
from uv_buildpack.processes.inference.hints import start_hints
from uv_buildpack.processes.inference.programs import calls_of, script_calls
from uv_buildpack.processes.inference.scripts import (
    NO_GUARD,
    console_scripts,
    embeds_server,
    local_server,
    main_process,
    other_programs,
    script_processes,
    single_file,
)
from uv_buildpack.processes.inference.servers import SERVERS
from uv_buildpack.processes.inference.serving import active
from uv_buildpack.processes.inference.sources import Sources
from uv_buildpack.processes.inference.starters import WEB
from uv_buildpack.processes.inference.syntax import Module
from uv_buildpack.processes.inference.web import find_web
from uv_buildpack.processes.inference.workers import BOT, find_workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from uv_buildpack.processes.inference.serving import Web
    from uv_buildpack.processes.inference.workers import Workers

_ENTRIES = frozenset({"__main__", "app", "main", "run"})
_EXAMPLE = "python -m your_package"
_CLOCKS = frozenset({"beat", "scheduler"})
"""Types that hand out work when it is due: they run beside the application, and are never all of it."""


def infer(app: AppFacts) -> Inference:
    """Infer the process types: `web`, workers, each console script, else the one file that is meant to be run."""
    sources = Sources(app.project_dir, app.installed, app.script)
    projects = find_projects(sources) if "django" in app.installed else []
    web = find_web(app, sources, projects)
    workers = find_workers(app, sources, projects)
    scripts = script_processes(app)
    targets, unfit = console_scripts(app)
    if web.certain:
        web.doubts += _embedded(sources, workers, targets)
    if not (web.candidates or web.doubts or scripts or workers.bots) and workers.processes:
        # Of an application with workers the workers are not the whole.
        web.doubts += [f"pyproject.toml: no application was found that {name} serves" for name in _servers(app)]
    if scripts and not (web.candidates or web.doubts) and active(app, WEB):
        # A project with a web framework may serve the web by its script.
        web.doubts += _local_scripts(app, sources, scripts, targets)
    taken = {script.type for script in scripts}
    found = [one for one in [web.certain, *workers.processes] if one and one.type not in taken]
    considered = [*web.considered, *workers.considered, *unfit]
    undecided = bool(web.doubts or len(web.candidates) > 1)
    if not scripts and not undecided and _only_clocks(found):
        main, why = single_file(sources, app.script) if app.script else main_process(app, sources)
        found = [main, *found] if main else found
        if not main:
            programs = other_programs(app, sources)
            considered += [line for line, _ in programs]
            web.example = next((command for _, command in programs), web.example)
        known = {line.partition(":")[0] for line in considered}
        considered += [line for line in why if not line.endswith(NO_GUARD) or line.partition(":")[0] not in known]
    hints = start_hints(app.project_dir) if undecided or not (found or scripts) else ()
    telling = [one for one in scripts if not found or _does_more_than_greet(sources, targets[one.type])]
    default = None if undecided and not (web.certain or "web" in taken) else _default(app, found, telling)
    return Inference(
        processes=(*found, *scripts),
        considered=tuple(dict.fromkeys([*_shown(web), *considered, *hints])),
        suggestion=_suggestion(web),
        default=default,
        undecided=(undecided and "web" not in taken) or bool(found and not scripts and _only_clocks(found)),
    )


def _servers(app: AppFacts) -> list[str]:
    """Return the servers for any framework that the project depends on itself."""
    rows = (server for server in SERVERS if server.interface in {"asgi", "wsgi"})
    return sorted({name for server in rows for name in server.distributions} & app.direct)


def _local_scripts(
    app: AppFacts, sources: Sources, scripts: list[InferredProcess], targets: Mapping[str, Any]
) -> list[str]:
    """Return why a script that would be the default is none: it listens where nothing outside of a container comes."""
    likely = [one.type for one in scripts if len(scripts) == 1 or _is_own(app, one)]
    found = {name: local_server(sources, script_calls(sources, targets[name])) for name in likely}
    return [f"{place} (the script `{name}`)" for name, place in found.items() if place]


def _is_own(app: AppFacts, script: InferredProcess) -> bool:
    return script.type.replace("_", "-").lower() == app.name.replace("_", "-").lower()


def _does_more_than_greet(sources: Sources, target: object) -> bool:
    """Return whether the function of a script is found, and does more than that of `uv init`."""
    calls = [call.name for call in script_calls(sources, target)]
    return bool(calls) and calls != ["print"]


def _only_clocks(found: list[InferredProcess]) -> bool:
    return all(one.type in _CLOCKS for one in found)


def _default(app: AppFacts, found: list[InferredProcess], scripts: list[InferredProcess]) -> str | None:
    """Return the type that is the default where there are several and none is `web`.

    A script that is called like the project is what its users run (uvx goes by the same rule); a bot's worker starts
    the same program as the only script; a bot with a queue is the bot; a clock runs beside the only other one.
    """
    own = [one.type for one in scripts if _is_own(app, one)]
    if own:
        return own[0]
    same = [one for one in found if one.command in {script.command for script in scripts}]
    if len(same) == 1 and len(scripts) == 1:
        return same[0].type
    others = [one.type for one in (*found, *scripts) if one.type not in _CLOCKS]
    if BOT in others and not scripts:
        return BOT
    return others[0] if len(others) == 1 else None


def _shown(web: Web) -> list[str]:
    """Return what speaks against the candidates, and the candidates if they are not certain."""
    if web.certain:
        return []
    several = ", one of several" if len(web.candidates) > 1 else ""
    return [
        *(f"{one.evidence[0]}{several}: {one.command}" for one in web.candidates),
        *web.doubts,
    ]


def _suggestion(web: Web) -> str:
    command = web.candidates[0].command if web.candidates else web.example or _EXAMPLE
    quotes = "'''" if "'" in command and '"' in command else "'" if '"' in command else '"'
    return f"[tool.uv-buildpack.processes]\nweb = {quotes}{command}{quotes}"


def _embedded(sources: Sources, workers: Workers, targets: Mapping[str, Any]) -> list[str]:
    """Return where the project's own programs serve the application as one part of their work.

    A server that is started beside them would serve an application without what they do.
    """
    places = {}
    for name, target in targets.items():
        place = embeds_server(script_calls(sources, target))
        if place:
            places[place] = f"the script `{name}` hands the application to a server itself, after other work"
    for bot in workers.bots:
        calls = calls_of(sources, bot.module) if bot.module else script_calls(sources, bot.target)
        place = embeds_server(calls, any_server=True)
        if place:
            places[place] = "the bot serves the web application itself"
    for file in sources.files:
        if places or file.depth > 2 or file.stem not in _ENTRIES:  # noqa: PLR2004 (at the top, or in a package there)
            continue
        content = sources.content(file)
        embeds = isinstance(content, bytes) and b"uvicorn.Config" in content
        module = sources.module(file.path) if embeds else None
        place = embeds_server(calls_of(sources, module)) if isinstance(module, Module) else ""
        if place:
            places[place] = f"{file.name} hands the application to a server itself, beside other work"
    return [f"{place}: {what}" for place, what in places.items()]
