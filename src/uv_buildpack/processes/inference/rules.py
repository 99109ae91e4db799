"""What inference knows of frameworks and servers, as data: a new one is a new row.

The rows were tried against real releases of each server; `docs/decisions/` tells what was preferred and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Interface = Literal["asgi", "wsgi"]

# A web process listens here unless the platform says otherwise.
PORT = "${PORT:-8080}"
WORKERS = "${WEB_CONCURRENCY:-1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How a server is started. The texts are templates.

    `command` knows `{target}`, `{path}`, `{port}`, `{workers}`; `target` and `factory` (the same for a function that
    makes the application) know `{module}`, `{name}` and `{prefix}`; `path` puts the directory `{root}` on the import
    path. Where the project's own directory is enough, `{path}` and `{prefix}` are empty; else `{prefix}` is `{root}/`.
    """

    distributions: tuple[str, ...]
    interface: Interface
    command: str
    target: str = "{module}:{name}"
    factory: str
    path: str = "PYTHONPATH={root}"

    @property
    def name(self) -> str:
        """The server as it is called in the log."""
        return " with ".join(self.distributions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A web framework: the distribution to depend on directly, and the classes of its application objects."""

    name: str
    distribution: str
    interface: Interface
    classes: tuple[str, ...]
    own_server: Server | None = None
    """For development; used, with a warning, when no production server is installed."""

    @property
    def import_name(self) -> str:
        """The top-level module that a source file has to mention."""
        return self.classes[0].partition(".")[0]


# In order of preference. Granian and hypercorn come first because nobody has them by accident, while uvicorn rides
# along with much else.
SERVERS = (
    Server(
        distributions=("gunicorn", "uvicorn-worker"),
        interface="asgi",
        command="gunicorn --worker-class uvicorn_worker.UvicornWorker {path} --bind 0.0.0.0:{port} {target}",
        factory="'{module}:{name}()'",
        path="--pythonpath {root}",
    ),
    Server(
        distributions=("granian",),
        interface="asgi",
        command=("{path} granian --interface asgi --host 0.0.0.0 --port {port} --workers {workers} {target}"),
        factory="--factory {module}:{name}",
    ),
    Server(
        distributions=("hypercorn",),
        interface="asgi",
        command="hypercorn --bind 0.0.0.0:{port} --workers {workers} {target}",
        # Hypercorn takes the directory as a part of the module's name.
        target="{prefix}{module}:{name}",
        factory="'{prefix}{module}:{name}()'",
        path="",
    ),
    Server(
        distributions=("uvicorn",),
        interface="asgi",
        command="uvicorn {path} --host 0.0.0.0 --port {port} {target}",
        factory="--factory {module}:{name}",
        path="--app-dir {root}",
    ),
    Server(
        distributions=("gunicorn",),
        interface="wsgi",
        command="gunicorn {path} --bind 0.0.0.0:{port} {target}",
        factory="'{module}:{name}()'",
        path="--pythonpath {root}",
    ),
    Server(
        distributions=("granian",),
        interface="wsgi",
        command=("{path} granian --interface wsgi --host 0.0.0.0 --port {port} --workers {workers} {target}"),
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
        command="hypercorn --bind 0.0.0.0:{port} --workers {workers} {target}",
        target="wsgi:{prefix}{module}:{name}",
        factory="'wsgi:{prefix}{module}:{name}()'",
        path="",
    ),
)

# In order of preference for a project that depends on several: Starlette is below FastAPI.
FRAMEWORKS = (
    Framework(
        name="FastAPI",
        distribution="fastapi",
        interface="asgi",
        classes=("fastapi.FastAPI", "fastapi.applications.FastAPI"),
    ),
    Framework(
        name="Starlette",
        distribution="starlette",
        interface="asgi",
        classes=("starlette.applications.Starlette",),
    ),
    Framework(
        name="Flask",
        distribution="flask",
        interface="wsgi",
        classes=("flask.Flask", "flask.app.Flask"),
        own_server=Server(
            distributions=("flask",),
            interface="wsgi",
            command="{path} flask --app {target} run --host 0.0.0.0 --port {port}",
            factory="'{module}:{name}()'",
        ),
    ),
)

# Functions that are taken for a factory when they return an application; `create_app` is nine in ten.
FACTORY_NAMES = (
    "create_app",
    "make_app",
    "build_app",
    "get_app",
    "create_application",
    "get_application",
    "app_factory",
)

# Names of an application object, the likeliest first; any other comes after these.
APP_NAMES = ("app", "application", "api", "server")
