"""Which processes start as many workers as the container's limits allow, and which start one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# Programs that take the number of their workers from WEB_CONCURRENCY and are given the name of an application.
_SERVERS = re.compile(
    r"(?<![\w.-])(gunicorn|uvicorn|hypercorn|granian|fastapi|litestar|WEB_CONCURRENCY)(?![\w-])", re.ASCII
)


# Each keeps sessions in the memory of one process, so that a second one would not know a visitor of the first.
_STATEFUL = frozenset({"flask-socketio", "python-socketio"})
_STATEFUL_ASGI = frozenset({"chainlit", "fastmcp", "gradio", "mcp", "nicegui", "shiny"})
# These are ASGI applications: in a process that serves a WSGI module they are a client at most.
_SERVES_WSGI = re.compile(r"(?<![\w-])wsgi:\w|--interface wsgi(?!\w)", re.ASCII)


def why_one_worker(command: str, installed: Mapping[str, str], direct: Collection[str]) -> str:
    """Return why a process starts one worker whatever the container's size; empty if it need not.

    `installed` maps packages to their versions, `direct` are the project's own dependencies. See `layers/processes.py`.
    """
    names = _STATEFUL if _SERVES_WSGI.search(command) else _STATEFUL | _STATEFUL_ASGI
    stateful = sorted(names.intersection(direct, installed))
    if stateful:
        return f"{stateful[0]} keeps sessions in memory"
    if "uvicorn" in installed and _SERVERS.search(command) is None:
        return "uvicorn.run() may refuse more"
    return ""
