"""What inference looks for and what it starts, for each framework: a new framework is a new row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.servers import BOTTLE_RUN, FLASK_RUN, PORT, Server

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """Look for an object at the top level of a module: an application, or for workers something like it."""

    classes: Mapping[str, str]
    """The callables that make one, in dotted form, with the interface of what they make."""
    names: tuple[str, ...] = ()
    """Its usual names, before `APP_NAMES`."""
    members: Mapping[str, str] = field(default_factory=dict)
    """What an object has that is an application itself: `app.server` of Dash."""
    awaits_factories: bool = False
    """Whether a factory may be a coroutine."""
    own_server: Server | None = None
    command: str = ""
    """For workers, which no server runs: knows `{module}`, `{name}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """Look for the one module that the framework's own program runs: it imports the framework and has one of `marks`.

    Without marks importing is enough, if no other such module imports it in turn.
    """

    imports: str
    marks: tuple[str, ...] = ()
    command: str
    """Knows `{file}` and `{port}`."""
    directory: str = ""
    """Where it may be if it is not in any other: one that holds no applications otherwise."""
    program: str = ""
    """Where the framework's program is, which a script of the project may call."""
    mounted_by: str = ""
    """What a web application calls that serves such a module itself, as one part of it."""


class Programs(NamedTuple):
    """Look for a file that starts the framework when it is run, by one of `calls`.

    A call is a dotted name, or `*.name` for a method in a module that imports one of `imports`. `variables` and
    `arguments` tell the program where to listen; `{port}` is known there. `listens` are the parameters that say so in
    the source, and then count: a fixed port cannot be told otherwise.
    """

    imports: tuple[str, ...]
    calls: tuple[str, ...]
    variables: str = ""
    listens: tuple[str, ...] = ()
    reloads: bool = False
    """Whether the framework restarts on changes of its files unless `reload=False` is given."""
    wrapper: str = ""
    """A program for `python -c` that runs `{start}` and listens elsewhere than the source says. Knows `{file}`."""


class Nothing(NamedTuple):
    """Start nothing, and say why."""

    file: str
    reason: str


class Starter(NamedTuple):
    """A row of the table. One of the `distributions` has to be a direct dependency."""

    name: str
    distributions: tuple[str, ...]
    looks_for: Objects | Modules | Programs | Nothing
    type: str = "web"

    @property
    def objects(self) -> Objects:
        """What it looks for, where that is an object."""
        assert isinstance(self.looks_for, Objects)  # noqa: S101 (asked for rows of that kind only)
        return self.looks_for


class Kind(NamedTuple):
    """What an expression makes: an object of this row, with this interface."""

    starter: Starter
    interface: str


# Objects are preferred in this order where a project depends on several: Starlette is below FastAPI, Flask below Dash.
WEB = (
    Starter(
        name="FastAPI",
        distributions=("fastapi", "fastapi-slim"),
        looks_for=Objects(
            classes={
                "fastapi.FastAPI": "asgi",
                "fastapi.applications.FastAPI": "asgi",
                "gradio.mount_gradio_app": "asgi",
                "gradio.routes.mount_gradio_app": "asgi",
            }
        ),
    ),
    Starter(
        name="FastHTML",
        distributions=("python-fasthtml",),
        looks_for=Objects(
            classes={
                f"fasthtml.{module}{name}": "asgi"
                for module in ("", "common.", "core.", "fastapp.")
                for name in ("FastHTML", "fast_app")
            }
        ),
    ),
    Starter(
        name="Litestar",
        distributions=("litestar",),
        looks_for=Objects(classes={"litestar.Litestar": "asgi", "litestar.app.Litestar": "asgi"}),
    ),
    Starter(
        name="Quart",
        distributions=("quart",),
        looks_for=Objects(classes={"quart.Quart": "asgi", "quart.app.Quart": "asgi"}),
    ),
    Starter(
        name="Sanic",
        distributions=("sanic",),
        looks_for=Objects(classes={"sanic.Sanic": "sanic", "sanic.app.Sanic": "sanic"}),
    ),
    Starter(
        name="Falcon",
        distributions=("falcon",),
        looks_for=Objects(
            classes={
                "falcon.App": "wsgi",
                "falcon.API": "wsgi",
                "falcon.app.App": "wsgi",
                "falcon.asgi.App": "asgi",
                "falcon.asgi.app.App": "asgi",
            }
        ),
    ),
    Starter(
        name="Dash",
        distributions=("dash",),
        looks_for=Objects(
            classes={"flask.Flask": "wsgi", "dash.Dash": "dash", "dash.dash.Dash": "dash"},
            names=("server",),
            members={"server": "wsgi"},
            own_server=FLASK_RUN,
        ),
    ),
    Starter(
        name="Flask",
        distributions=("flask", "apiflask", "flask-openapi3"),
        looks_for=Objects(
            classes={
                "flask.Flask": "wsgi",
                "flask.app.Flask": "wsgi",
                "apiflask.APIFlask": "wsgi",
                "flask_openapi3.OpenAPI": "wsgi",
            },
            own_server=FLASK_RUN,
        ),
    ),
    Starter(
        name="Bottle",
        distributions=("bottle",),
        looks_for=Objects(
            classes={"bottle.Bottle": "wsgi", "bottle.default_app": "wsgi", "bottle.app": "wsgi"},
            own_server=BOTTLE_RUN,
        ),
    ),
    Starter(
        name="aiohttp",
        distributions=("aiohttp",),
        looks_for=Objects(
            classes={"aiohttp.web.Application": "aiohttp", "aiohttp.web_app.Application": "aiohttp"},
            awaits_factories=True,
        ),
    ),
    Starter(
        name="Tornado",
        distributions=("tornado",),
        looks_for=Objects(classes={"tornado.web.Application": "tornado"}),
    ),
    Starter(
        name="Shiny",
        distributions=("shiny",),
        looks_for=Objects(classes={"shiny.App": "shiny"}),
    ),
    Starter(
        name="Starlette",
        distributions=("starlette",),
        looks_for=Objects(classes={"starlette.applications.Starlette": "asgi"}),
    ),
    Starter(
        name="Streamlit",
        distributions=("streamlit",),
        looks_for=Modules(
            imports="streamlit",
            program="streamlit.web",
            command="streamlit run {file} --server.address 0.0.0.0 --server.port {port} --server.headless true",
        ),
    ),
    Starter(
        name="Chainlit",
        distributions=("chainlit",),
        looks_for=Modules(
            imports="chainlit",
            marks=("on_message", "on_chat_start"),
            command="chainlit run {file} --headless --host 0.0.0.0 --port {port}",
            mounted_by="mount_chainlit",
        ),
    ),
    Starter(
        name="Panel",
        distributions=("panel",),
        looks_for=Modules(
            imports="panel",
            marks=("servable",),
            # Bokeh refuses websockets of any other origin than localhost unless it is told.
            command=(
                "panel serve {file} --address 0.0.0.0 --port {port} "
                '--allow-websocket-origin "${{BOKEH_ALLOW_WS_ORIGIN:-*}}"'
            ),
        ),
    ),
    Starter(
        name="Shiny Express",
        distributions=("shiny",),
        looks_for=Modules(
            imports="shiny.express",
            command="shiny run --host 0.0.0.0 --port {port} {file}",
        ),
    ),
    Starter(
        name="marimo",
        distributions=("marimo",),
        looks_for=Modules(
            imports="marimo",
            marks=("App",),
            directory="notebooks",
            command="marimo run {file} --headless --host 0.0.0.0 --port {port}",
        ),
    ),
    Starter(
        name="Gradio",
        distributions=("gradio",),
        looks_for=Programs(
            imports=("gradio",),
            calls=("*.launch",),
            variables=f"GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT={PORT}",
            listens=("server_name", "server_port"),
            # What the source gives counts more than the variables.
            wrapper=(
                "import os, runpy, sys; from gradio import Blocks; launch = Blocks.launch; "
                'port = int(os.environ.get("PORT", "8080")); '
                "Blocks.launch = lambda self, *args, **options: launch(self, *args, "
                '**{{**options, "server_name": "0.0.0.0", "server_port": port}}); {start}'
            ),
        ),
    ),
    Starter(
        name="NiceGUI",
        distributions=("nicegui",),
        looks_for=Programs(
            imports=("nicegui",),
            calls=("nicegui.ui.run",),
            listens=("host", "port"),
            reloads=True,
            # No variable and no option sets the port.
            wrapper=(
                'import os, runpy, sys; from nicegui import ui; run = ui.run; sys.argv = ["{file}"]; '
                'port = int(os.environ.get("PORT", "8080")); '
                'ui.run = lambda *args, **options: run(*args, **{{**options, "host": "0.0.0.0", "port": port, '
                '"reload": False, "show": False}}); {start}'
            ),
        ),
    ),
    Starter(
        name="Reflex",
        distributions=("reflex",),
        looks_for=Nothing(
            file="rxconfig.py",
            reason="Reflex compiles a front end with Node.js before it starts, which this buildpack does not do",
        ),
    ),
)

MCP = (
    Starter(
        name="FastMCP",
        distributions=("fastmcp",),
        looks_for=Objects(
            classes={"fastmcp.FastMCP": "fastmcp", "fastmcp.server.FastMCP": "fastmcp"},
            names=("mcp", "server"),
            members={"http_app": "asgi", "streamable_http_app": "asgi", "sse_app": "asgi"},
        ),
    ),
    Starter(
        name="MCP",
        distributions=("mcp",),
        looks_for=Objects(
            classes={
                "mcp.server.fastmcp.FastMCP": "mcp",
                "mcp.server.FastMCP": "mcp",
                "mcp.server.mcpserver.MCPServer": "mcpserver",
                "mcp.server.MCPServer": "mcpserver",
            },
            names=("mcp", "server"),
            members={"streamable_http_app": "asgi", "sse_app": "asgi"},
        ),
    ),
)

DJANGO = Starter(
    name="Django",
    distributions=("django",),
    looks_for=Objects(
        classes={
            "django.core.wsgi.get_wsgi_application": "wsgi",
            "django.core.asgi.get_asgi_application": "asgi",
            "django.core.handlers.wsgi.WSGIHandler": "wsgi",
            "django.core.handlers.asgi.ASGIHandler": "asgi",
            "channels.routing.ProtocolTypeRouter": "asgi",
            "configurations.wsgi.get_wsgi_application": "wsgi",
            "configurations.asgi.get_asgi_application": "asgi",
        },
        names=("application",),
    ),
)

_BOTS = (
    ("Discord bot", ("discord-py", "py-cord"), ("discord",), ("run", "start")),
    ("Discord bot", ("nextcord", "disnake"), ("nextcord", "disnake"), ("run", "start")),
    ("Discord bot", ("discord-py-interactions", "hikari"), ("interactions", "hikari"), ("run", "start")),
    ("Telegram bot", ("python-telegram-bot",), ("telegram",), ("run_polling", "start_polling")),
    ("Telegram bot", ("aiogram",), ("aiogram",), ("start_polling", "run_polling")),
    ("Telegram bot", ("pytelegrambotapi", "telebot"), ("telebot",), ("polling", "infinity_polling")),
    ("Telegram bot", ("pyrogram", "kurigram"), ("pyrogram",), ("run", "start")),
    ("Telegram bot", ("telethon",), ("telethon",), ("run_until_disconnected",)),
)

BOTS = tuple(
    Starter(
        name=name,
        distributions=distributions,
        looks_for=Programs(imports=imports, calls=tuple(f"*.{method}" for method in methods)),
        type="worker",
    )
    for name, distributions, imports, methods in _BOTS
)

# Where frameworks listen that know neither `PORT` nor a flag, for process types of every origin: defaults of the image,
# so that a user's own value wins. Without them such a server listens on this machine only, out of reach of everybody.
LAUNCH_DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "fastmcp": {"FASTMCP_HOST": "0.0.0.0", "FASTMCP_PORT": "8080"},  # noqa: S104 (as every server in a container)
    "gradio": {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "8080"},  # noqa: S104 (as above)
    "streamlit": {"STREAMLIT_SERVER_HEADLESS": "true", "STREAMLIT_SERVER_PORT": "8080"},
}

# Functions that are taken for a factory before others that return an application; `create_app` is nine in ten.
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
