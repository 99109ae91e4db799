"""Console scripts, and files that are plainly meant to be run: `main.py`, `<package>/__main__.py`."""

from __future__ import annotations

import ast
import re
import sys
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from uv_buildpack.processes.inference.commands import python_program, quoted
from uv_buildpack.processes.inference.facts import AppFacts, InferredProcess
from uv_buildpack.processes.inference.programs import Call, calls_of
from uv_buildpack.processes.inference.syntax import Module, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uv_buildpack.processes.inference.files import SourceFile
    from uv_buildpack.processes.inference.sources import Sources

# What a script's name and a process type have in common.
_SCRIPT = re.compile(r"[A-Za-z0-9._-]+\Z")
NO_GUARD = "no main guard in it"
_TAKEN = frozenset({"python", "test", "web"})
_MAIN_FILES = ("main.py", "app.py", "src/main.py", "src/app.py")
_MAXIMUM_SHOWN = 5
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Methods that start a server for this machine only unless they are given a host, with what their modules import.
_LOCAL_BY_DEFAULT = (
    (("*.run", "*.run_server"), ("bottle", "connexion", "dash", "flask", "flask_socketio", "quart", "sanic")),
    (("*.start",), ("robyn",)),
)

# Calls that start a server where there is no application object that a server could be given.
_SERVERS = (
    "uvicorn.run",
    "uvicorn.Config",
    "uvicorn.Server",
    "hypercorn.asyncio.serve",
    "hypercorn.trio.serve",
    "aiohttp.web.AppRunner",
    "aiohttp.web.run_app",
    "waitress.serve",
    "bottle.run",
)


def console_scripts(app: AppFacts) -> tuple[dict[str, Any], list[str]]:
    """Return the scripts of an installed project that can be process types, and why others are not."""
    scripts = app.pyproject.get("project", {}).get("scripts", {})
    if scripts and not app.packaged:
        reason = "not installed, the project has no build system (or tool.uv.package is false)"
        return {}, [f"[project.scripts]: {reason}"]
    fitting = {name: target for name, target in scripts.items() if _SCRIPT.match(name)}
    return fitting, [f"[project.scripts] {name}: no process type" for name in scripts if name not in fitting]


def script_processes(app: AppFacts) -> list[InferredProcess]:
    """Return a process type for each console script, executed directly and without arguments."""
    return [
        InferredProcess(
            type=name,
            command=name,
            evidence=(f"pyproject.toml: [project.scripts] {name} = {target!r}", "started without arguments"),
        )
        for name, target in console_scripts(app)[0].items()
    ]


def main_process(app: AppFacts, sources: Sources) -> tuple[InferredProcess | None, list[str]]:
    """Return the process of the only file that is meant to be run, and what was considered."""
    inside = [file for file in sources.files if file.depth == 2]  # noqa: PLR2004 (in a package at the top)
    named = [file for file in sources.files if file.name in _MAIN_FILES]
    found, considered = _programs(sources, [*named, *(file for file in inside if file.stem == "__main__")])
    if not found and not considered:
        mains = (file for file in inside if file.stem == "main")
        packaged = [file for file in mains if sources.exists(file.path.with_name("__init__.py"))]
        found, considered = _programs(sources, packaged)
    if len(found) != 1 or any(": line " in line for line in considered):
        considered += [f"{module.path}: a program, one of several" for module in found]
        return None, considered
    (module,) = found
    lone = local_server(sources, calls_of(sources, module))
    if lone:
        return None, [*considered, lone]
    line = module.guarded[0].lineno if module.guarded else 1
    kind = "__main__.py of a package" if module.path.name == "__main__.py" else "a program of its own"
    name = module.path.parent.name if module.path.name == "__main__.py" else module.path.stem
    process = InferredProcess(
        type=name if name != "web" else "main",
        command=python_program(app, sources, module).command,
        evidence=(f"{module.path}:{line}: {kind}",),
    )
    return process, considered


def _programs(sources: Sources, files: Iterable[SourceFile]) -> tuple[list[Module], list[str]]:
    """Return which files are run as programs, and why the others are not."""
    found: list[Module] = []
    considered: list[str] = []
    for file in files:
        module = sources.module(file.path)
        if isinstance(module, Unreadable):
            considered.append(f"{file.path}: {module.reason}")
        elif module.guarded or file.path.name == "__main__.py":
            found.append(module)
        else:
            considered.append(f"{file.path}: {NO_GUARD}")
    return found, considered


def other_programs(app: AppFacts, sources: Sources) -> list[tuple[str, str]]:
    """Return files at the top that are run as programs, whatever they are called: the line for the log, the command.

    Which of them is the application their names do not tell, so that they are only shown.
    """
    named = [file for file in sources.files if "/" not in file.name and file.name not in _MAIN_FILES]
    modules = [sources.module(file.path) for file in islice(sources.mentioning([b"__main__"], named), _MAXIMUM_SHOWN)]
    programs = [(one, python_program(app, sources, one).command) for one in modules if isinstance(one, Module)]
    return [
        (f"{module.path}:{module.guarded[0].lineno}: a program: {command}", command)
        for module, command in programs
        if module.guarded
    ]


def single_file(sources: Sources, script: str) -> tuple[InferredProcess | None, list[str]]:
    """Return the process of an application that is one file, which is run as it is, and what was considered."""
    path = PurePosixPath(script)
    module = sources.module(path)
    lone = local_server(sources, calls_of(sources, module)) if isinstance(module, Module) else ""
    if lone:
        return None, [lone]
    name = path.stem if _SCRIPT.match(path.stem) and path.stem not in _TAKEN else "main"
    command = f"python {quoted(path)}"
    return InferredProcess(type=name, command=command, evidence=(f"{script}: the script itself",)), []


def local_server(sources: Sources, calls: Iterable[Call]) -> str:
    """Return what says that a program is a server for development: one for this machine only, or with reloading."""
    for call in calls:
        hosts = [call.value(call.argument("host"))]
        if call.name == "uvicorn.run" and hosts == [None]:
            return f"{call.place}: listens on 127.0.0.1 only, which nothing outside of a container reaches"
        if any(isinstance(host, ast.Constant) and host.value in _LOOPBACK for host in hosts) and _runs(call):
            return f"{call.place}: listens on {ast.unparse(hosts[0] or call.node)} only"
        silent = hosts == [None] and not (call.node.args or call.argument(None))
        if silent and any(call.matches(methods, imports, sources) for methods, imports in _LOCAL_BY_DEFAULT):
            return f"{call.place}: listens on 127.0.0.1 only, as it is not told where"
        for name in ("debug", "reload"):
            value = call.argument(name)
            if isinstance(value, ast.Constant) and value.value is True and _runs(call):
                return f"{call.place}: a server for development ({name}=True)"
    return ""


def _runs(call: Call) -> bool:
    if call.name.partition(".")[0] in sys.stdlib_module_names:
        return False  # `asyncio.run(main(), debug=True)`
    return call.name in _SERVERS or call.name.rpartition(".")[2] in {"run", "run_app", "run_server", "serve", "launch"}


def embeds_server(calls: Iterable[Call], *, any_server: bool = False) -> str:
    """Return where a program hands an application to a server as one part of its work.

    The application then needs what the program does besides. A function that only calls `uvicorn.run` is the usual
    convenience: a server does the same.
    """
    prepared = ""
    for call in calls:
        if call.name in {"uvicorn.Config", "uvicorn.Server", "hypercorn.asyncio.serve", "aiohttp.web.AppRunner"}:
            return call.place
        is_server = call.name in _SERVERS or (any_server and call.name.rpartition(".")[2] == "run" and _has_port(call))
        if is_server and (any_server or (call.node.args and isinstance(call.node.args[0], ast.Name) and prepared)):
            return call.place
        prepared = prepared or _prepares(call)
    return ""


def _has_port(call: Call) -> bool:
    return call.argument("port") is not None


def _prepares(call: Call) -> str:
    """Return where the function around a call changes the state of modules or of an application."""
    if call.within is None:
        return ""
    for node in ast.walk(call.within):
        if isinstance(node, ast.Global):
            return call.place
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and "os.environ" not in ast.unparse(target) for target in node.targets
        ):
            return call.place
    return ""
