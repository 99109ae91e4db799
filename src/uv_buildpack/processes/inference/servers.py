"""The servers that inference knows, as data: a new one is a new row.

The rows were tried against real releases of each server (`integration/test_inferred_servers.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

# A web process listens here unless the platform says otherwise.
PORT = "${PORT:-8080}"
WORKERS = "${WEB_CONCURRENCY:-1}"


class Server(NamedTuple):
    """How a server is started. The texts are templates.

    `command` knows `{target}`, `{path}`, `{port}`, `{workers}`, and what depends on a configuration file: for gunicorn
    `{settings}` and `{bind}`, for uWSGI `{assignment}`, `{settings}` and `{load}`. `target` and `factory` (the same for
    a function that makes the application; empty where the server takes none) know `{module}`, `{name}` and `{prefix}`.
    `path` puts the directory `{root}` on the import path. Where the process's own directory is enough, `{path}` and
    `{prefix}` are empty; else `{prefix}` is `{root}/`.
    """

    distributions: tuple[str, ...]
    interface: str
    """What it serves: `asgi`, `wsgi`, or what only one framework has."""
    command: str
    target: str = "{module}:{name}"
    factory: str = ""
    path: str = "PYTHONPATH={root}"
    worker_class: str = ""
    """The kind of worker that gunicorn needs for it."""

    @property
    def name(self) -> str:
        """The server as it is called in the log."""
        return " with ".join(self.distributions)

    @property
    def is_uwsgi(self) -> bool:
        """Whether it is uWSGI, under either of its names."""
        return self.command == _UWSGI


_GUNICORN = "gunicorn {settings} {path} {bind} {target}"
_UVICORN = "uvicorn {path} --host 0.0.0.0 --port {port} {target}"
_ONE_UVICORN = "uvicorn {path} --host 0.0.0.0 --port {port} --workers 1 {target}"
_GRANIAN = "{path} granian --interface %s --host 0.0.0.0 --port {port} --workers {workers} {target}"
_HYPERCORN = "hypercorn --bind 0.0.0.0:{port} --workers {workers} {target}"
_UWSGI = "{assignment} uwsgi {settings} {path} {load}"

# In order of preference. Granian and hypercorn come before uvicorn because nobody has them by accident, while uvicorn
# rides along with much else.
SERVERS = (
    Server(
        distributions=("gunicorn", "uvicorn-worker"),
        interface="asgi",
        command=_GUNICORN,
        factory="'{module}:{name}()'",
        path="--pythonpath {root}",
        worker_class="uvicorn_worker.UvicornWorker",
    ),
    Server(
        distributions=("granian",),
        interface="asgi",
        command=_GRANIAN % "asgi",
        factory="--factory {module}:{name}",
    ),
    Server(
        distributions=("daphne",),
        interface="asgi",
        command="{path} daphne --bind 0.0.0.0 --port {port} {target}",
    ),
    Server(
        distributions=("hypercorn",),
        interface="asgi",
        command=_HYPERCORN,
        # Hypercorn takes the directory as a part of the module's name.
        target="{prefix}{module}:{name}",
        factory="'{prefix}{module}:{name}()'",
        path="",
    ),
    Server(
        distributions=("uvicorn",),
        interface="asgi",
        command=_UVICORN,
        factory="--factory {module}:{name}",
        path="--app-dir {root}",
    ),
    Server(
        distributions=("gunicorn",),
        interface="wsgi",
        command=_GUNICORN,
        factory="'{module}:{name}()'",
        path="--pythonpath {root}",
    ),
    *(
        Server(
            distributions=(name,),
            interface="wsgi",
            command=_UWSGI,
            factory="'{module}:{name}()'",
            path="--pythonpath {root}",
        )
        for name in ("uwsgi", "pyuwsgi")
    ),
    Server(
        distributions=("granian",),
        interface="wsgi",
        command=_GRANIAN % "wsgi",
        factory="--factory {module}:{name}",
    ),
    Server(
        distributions=("waitress",),
        interface="wsgi",
        command="{path} waitress-serve --listen=0.0.0.0:{port} {target}",
        factory="--call {module}:{name}",
    ),
    Server(
        distributions=("hypercorn",),
        interface="wsgi",
        command=_HYPERCORN,
        target="wsgi:{prefix}{module}:{name}",
        factory="'wsgi:{prefix}{module}:{name}()'",
        path="",
    ),
    Server(
        distributions=("gunicorn", "aiohttp"),
        interface="aiohttp",
        command=_GUNICORN,
        # gunicorn calls the factory with aiohttp's worker, which awaits the result.
        factory="{module}:{name}",
        path="--pythonpath {root}",
        worker_class="aiohttp.GunicornWebWorker",
    ),
    Server(
        distributions=("aiohttp",),
        interface="aiohttp",
        command="{path} python -c '{target}'",
        # `python -m aiohttp.web` takes only a function with a parameter.
        target=(
            "import os; from aiohttp import web; from {module} import {name}; "
            'web.run_app({name}, host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))'
        ),
        factory=(
            "import os; from aiohttp import web; from {module} import {name}; "
            'web.run_app({name}(), host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))'
        ),
    ),
    Server(
        distributions=("sanic",),
        interface="sanic",
        command="{path} sanic {target} --host 0.0.0.0 --port {port} --workers {workers}",
        factory="{module}:{name} --factory",
    ),
    Server(
        distributions=("tornado",),
        interface="tornado",
        command="{path} python -c '{target}'",
        target=(
            "import os; from tornado.ioloop import IOLoop; from {module} import {name}; "
            '{name}.listen(int(os.environ.get("PORT", "8080"))); IOLoop.current().start()'
        ),
        factory=(
            "import os; from tornado.ioloop import IOLoop; from {module} import {name}; "
            '{name}().listen(int(os.environ.get("PORT", "8080"))); IOLoop.current().start()'
        ),
    ),
    Server(
        distributions=("shiny",),
        interface="shiny",
        command="{path} shiny run --host 0.0.0.0 --port {port} {target}",
        factory="--factory {module}:{name}",
    ),
    # The application of an MCP server is made by a method that its transport chooses. Sessions are in the memory of one
    # process, so WEB_CONCURRENCY must not make several.
    Server(
        distributions=("mcp", "uvicorn"),
        interface="mcp streamable-http",
        command=_ONE_UVICORN,
        target="--factory {module}:{name}.streamable_http_app",
        path="--app-dir {root}",
    ),
    Server(
        distributions=("mcp", "uvicorn"),
        interface="mcp sse",
        command=_ONE_UVICORN,
        target="--factory {module}:{name}.sse_app",
        path="--app-dir {root}",
    ),
    # The SDK's second version answers for the host that it is told to run on, which only its own program can say.
    *(
        Server(
            distributions=("mcp",),
            interface=f"mcpserver {transport}",
            command="{path} python -c '{target}'",
            target=(
                f'import os; from {{module}} import {{name}}; {{name}}.run(transport="{transport}", '
                'host="0.0.0.0", port=int(os.environ.get("PORT", "8080")))'
            ),
        )
        for transport in ("streamable-http", "sse")
    ),
    *(
        Server(
            distributions=("fastmcp", "uvicorn"),
            interface=f"fastmcp {transport}",
            command=_ONE_UVICORN,
            target="--factory {module}:{name}.http_app",
            path="--app-dir {root}",
        )
        for transport in ("http", "streamable-http")
    ),
    Server(
        distributions=("fastmcp",),
        interface="fastmcp sse",
        command="{path} fastmcp run {file}:{name} --transport sse --host 0.0.0.0 --port {port}",
    ),
)

# For development: used, with a warning, when no production server is installed.
FLASK_RUN = Server(
    distributions=("flask",),
    interface="wsgi",
    command="{path} flask --app {target} run --host 0.0.0.0 --port {port}",
    factory="'{module}:{name}()'",
)
BOTTLE_RUN = Server(
    distributions=("bottle",),
    interface="wsgi",
    command="{path} python -m bottle --bind 0.0.0.0:{port} {target}",
    factory="'{module}:{name}()'",
)


def fitting(interface: str, installed: Collection[str], *, factory: bool = False) -> list[Server]:
    """Return the installed servers for an interface, the preferred one first."""
    return [
        server
        for server in SERVERS
        if server.interface == interface
        and set(server.distributions) <= set(installed)
        and (server.factory or not factory)
    ]


def preferred(servers: Sequence[Server], direct: Collection[str]) -> Server | None:
    """Return a server that is asked for before one that rides along."""
    asked = [server for server in servers if set(server.distributions) <= set(direct)]
    return next(iter([*asked, *servers]), None)


def proposed(interface: str) -> str:
    """Return the server to add: the plainest, which every tutorial names."""
    return {"wsgi": "gunicorn"}.get(interface, "uvicorn")
