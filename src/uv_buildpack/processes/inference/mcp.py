"""MCP servers over HTTP: which transport they run on is read from the source."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference.applications import AppObject, kinds_of, objects_in
from uv_buildpack.processes.inference.facts import InferredProcess
from uv_buildpack.processes.inference.files import SourceFile
from uv_buildpack.processes.inference.servers import PORT
from uv_buildpack.processes.inference.serving import Web, active, served
from uv_buildpack.processes.inference.starters import MCP, Kind
from uv_buildpack.processes.inference.syntax import Module, Unreadable, dotted_name, imports_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uv_buildpack.processes.inference.facts import AppFacts
    from uv_buildpack.processes.inference.objects import Binding
    from uv_buildpack.processes.inference.sources import Sources

# https://gofastmcp.com/deployment/server-configuration
_CONFIGURATION = "fastmcp.json"
_HTTP = ("http", "streamable-http", "sse")
_METHODS = {
    "run_stdio_async": "stdio",
    "run_http_async": "http",
    "run_streamable_http_async": "streamable-http",
    "run_sse_async": "sse",
}


def find_servers(app: AppFacts, sources: Sources, web: Web) -> None:
    """Add the MCP servers that run on HTTP to the candidates. One on standard input and output is a script's matter."""
    starters = active(app, MCP)
    if not starters or _declared(app, sources, web):
        return
    kinds = kinds_of(starters)
    found: dict[tuple[str, str], AppObject] = {}
    for file in sources.mentioning((b"FastMCP", b"transport")):
        module = sources.module(file.path)
        if isinstance(module, Module):
            for name, binding in _servers(sources, file, module, kinds, web):
                found[str(file.path), name] = _located(sources, file, module, binding)
    applications = [one for (_, kind), one in found.items() if kind == "asgi"] or list(found.values())
    for one in _distinct(applications):
        candidate = served(app, sources, one, web)
        if candidate:
            web.candidates.append(candidate._replace(warnings=(*candidate.warnings, *_refusals(sources, one))))


def _servers(
    sources: Sources, file: SourceFile, module: Module, kinds: Mapping[str, Kind], web: Web
) -> Iterator[tuple[str, Binding]]:
    """Return the servers of a module that run on HTTP by their names, and what is an ASGI application as `asgi`."""
    objects = {one.name: one for one in objects_in(sources, module, kinds) if not one.factory}
    ready = [one for one in objects.values() if one.kind.interface == "asgi"]
    if ready:
        # `app = mcp.http_app()`: an application for any ASGI server.
        yield "asgi", ready[0]
    runs = [run for run in _runs(module) if run[1] in objects and objects[run[1]].kind.interface != "asgi"]
    if not (ready or runs):
        idle = (f"{file.path}:{one.line}: an MCP server that the file does not run" for one in objects.values())
        web.considered += idle
    told = _told_by_arguments(module, runs)
    for name in sorted(told):
        web.considered.append(f"{file.path}: the MCP server `{name}` runs on what the arguments of its program say")
    for node, name, transport in runs:
        binding = _on_http(objects[name]._replace(line=node.lineno), transport, file, web) if name not in told else None
        if binding:
            yield name, binding


def _declared(app: AppFacts, sources: Sources, web: Web) -> bool:
    """Add the server of a `fastmcp.json`, which says on which transport it runs. Return whether there is one on HTTP.

    Its environment is the image's: without `--skip-env` FastMCP would make another one with uv when it starts.
    """
    content = sources.content(SourceFile(_CONFIGURATION)) if "fastmcp" in app.direct else b""
    if isinstance(content, Unreadable) or not content:
        return False
    try:
        transport = json.loads(content)["deployment"]["transport"]
    except (ValueError, KeyError, TypeError, RecursionError):
        web.considered.append(f"{_CONFIGURATION}: names no transport")
        return False
    if transport not in _HTTP:
        web.considered.append(f"{_CONFIGURATION}: an MCP server whose transport is {transport!r}")
        return False
    command = f"fastmcp run {_CONFIGURATION} --skip-env --host 0.0.0.0 --port {PORT}"
    evidence = (f"{_CONFIGURATION}: an MCP server whose transport is {transport!r}", app.locked("fastmcp"))
    web.candidates.append(InferredProcess(type="web", command=command, evidence=evidence))
    return True


def _on_http(binding: Binding, transport: str | None, file: SourceFile, web: Web) -> Binding | None:
    """Return the server with the interface that its transport gives it, if that is HTTP."""
    if transport in _HTTP:
        return binding._replace(kind=Kind(binding.kind.starter, f"{binding.kind.interface} {transport}"))
    reason = "on standard input and output" if transport == "stdio" else "whose transport is not in the source"
    web.considered.append(f"{file.path}:{binding.line}: an MCP server {reason}")
    return None


def _located(sources: Sources, file: SourceFile, module: Module, binding: Binding) -> AppObject:
    root = sources.import_root(file.path, module)
    return AppObject(file, file.path.parent if root is None else root, binding)


def _runs(module: Module) -> Iterator[tuple[ast.Call, str, str | None]]:
    """Return the calls `name.run(transport=…)`, with the transport if it is a plain text; without one it is stdio."""
    bodies = [*(one.node for one in module.statements), *module.definitions.values(), *module.guarded]
    seen: set[int] = set()
    for node in (found for body in bodies for found in ast.walk(body)):
        if not isinstance(node, ast.Call) or id(node) in seen:
            continue
        seen.add(id(node))
        owner, _, method = (dotted_name(node.func) or "").rpartition(".")
        if method in {"run", "run_async", *_METHODS} and owner:
            yield node, owner, _transport(node, method)


def _told_by_arguments(module: Module, runs: Sequence[tuple[ast.Call, str, str | None]]) -> set[str]:
    """Return the servers that a program with arguments runs on one transport or another."""
    if not {"argparse", "click", "typer"} & imports_of(module):
        return set()
    transports = {name: {transport for _, other, transport in runs if other == name} for _, name, _ in runs}
    return {name for name, found in transports.items() if "stdio" in found and found.intersection(_HTTP)}


def _transport(node: ast.Call, method: str) -> str | None:
    if method in _METHODS:
        return _METHODS[method]
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "transport"), None)
    value = given or (node.args[0] if node.args else None)
    if value is None:
        return None if any(keyword.arg is None for keyword in node.keywords) else "stdio"
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def _distinct(applications: list[AppObject]) -> list[AppObject]:
    """Return the applications nearest to the top."""
    depth = min((one.file.depth for one in applications), default=0)
    return [one for one in applications if one.file.depth == depth]


def _refusals(sources: Sources, one: AppObject) -> Iterator[str]:
    """Return a warning for the SDK's servers: unless they have another `host`, they refuse requests for other hosts.

    See `FastMCP.__init__` in mcp/server/fastmcp/server.py, 1.30.
    """
    content = sources.content(one.file)
    if not one.binding.kind.interface.startswith("mcp ") or isinstance(content, Unreadable):
        return
    if b"FastMCP(" in content and b"transport_security" not in content and b"host=" not in content:
        yield (
            f"{one.file.name}: this MCP server answers requests for localhost only (status 421 otherwise); "
            'write FastMCP(…, host="0.0.0.0"), or give it transport_security'
        )
