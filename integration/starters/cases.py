"""The applications: each answers `good day`, which it imports from a module beside it, at an address."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GREETING = "good day"
_WORDS = f'greeting = "{GREETING}"\n'
_MCP_REQUEST = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", '
    '"capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}}'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An application in one layout with one server. `body` is posted to `path`; without one it is a GET."""

    framework: str
    server: str
    layout: str
    dependencies: tuple[str, ...]
    files: Mapping[str, str]
    packaged: bool = False
    path: str = "/"
    body: str = ""
    answer: str = GREETING
    process: str = "web"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The case as a name of a directory and an image."""
        words = f"{self.framework} {self.server} {self.layout}".lower()
        return "".join(letter if letter.isalnum() else "-" for letter in words)


_ASGI = ("uvicorn", "hypercorn", "granian", "daphne", "gunicorn uvicorn-worker")
_WSGI = ("gunicorn", "waitress", "granian", "hypercorn", "uwsgi")

# The source of each framework's application. `{package}` is where the greeting is imported from.
_OBJECTS = {
    "fastapi": (
        _ASGI,
        """
from fastapi import FastAPI
from {package}.words import greeting
app = FastAPI()
app.get("/")(lambda: greeting)
""",
    ),
    "starlette": (
        ("uvicorn",),
        """
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from {package}.words import greeting
app = Starlette(routes=[Route("/", lambda request: PlainTextResponse(greeting))])
""",
    ),
    "litestar": (
        ("uvicorn", "granian"),
        """
from litestar import Litestar, get
from {package}.words import greeting

@get("/")
async def index() -> str:
    return greeting

app = Litestar([index])
""",
    ),
    "python-fasthtml": (
        ("",),
        """
from fasthtml.common import *
from {package}.words import greeting
app, rt = fast_app()

@rt("/")
def get():
    return P(greeting)
""",
    ),
    "quart": (
        ("", "uvicorn"),
        """
from quart import Quart
from {package}.words import greeting
app = Quart(__name__)

@app.get("/")
async def index():
    return greeting
""",
    ),
    "sanic": (
        ("",),
        """
from sanic import Sanic
from sanic.response import text
from {package}.words import greeting
app = Sanic("shop")

@app.get("/")
async def index(request):
    return text(greeting)
""",
    ),
    "aiohttp": (
        ("", "gunicorn"),
        """
from aiohttp import web
from {package}.words import greeting

async def index(request):
    return web.Response(text=greeting)

async def create_app() -> web.Application:
    app = web.Application()
    app.router.add_get("/", index)
    return app
""",
    ),
    "tornado": (
        ("",),
        """
import tornado.web
from {package}.words import greeting

class Index(tornado.web.RequestHandler):
    def get(self):
        self.write(greeting)

def make_app():
    return tornado.web.Application([("/", Index)])
""",
    ),
    "flask": (
        (*_WSGI, ""),
        """
from flask import Flask
from {package}.words import greeting

def create_app():
    app = Flask(__name__)
    app.get("/")(lambda: greeting)
    return app
""",
    ),
    "falcon": (
        ("gunicorn",),
        """
import falcon
from {package}.words import greeting

class Index:
    def on_get(self, request, response):
        response.text = greeting

app = falcon.App()
app.add_route("/", Index())
""",
    ),
    "falcon asgi": (
        ("uvicorn",),
        """
import falcon.asgi
from {package}.words import greeting

class Index:
    async def on_get(self, request, response):
        response.text = greeting

app = falcon.asgi.App()
app.add_route("/", Index())
""",
    ),
    "bottle": (
        ("gunicorn", ""),
        """
import bottle
from {package}.words import greeting
app = bottle.Bottle()
app.route("/")(lambda: greeting)
""",
    ),
    "dash": (
        ("gunicorn",),
        """
from dash import Dash, html
from {package}.words import greeting
app = Dash(__name__, title=greeting)
server = app.server
app.layout = html.Div(greeting)
""",
    ),
    "shiny": (
        ("",),
        """
from shiny import App, ui
from {package}.words import greeting
app = App(ui.page_fluid(greeting), lambda input, output, session: None)
""",
    ),
}

_LAYOUTS = {"root": "", "src": "src/", "subdirectory": "backend/", "packaged": "src/"}

_MANAGE = """
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
_DJANGO = {
    "shop/__init__.py": "",
    "shop/words.py": _WORDS,
    "shop/settings.py": 'SECRET_KEY = "x"\nALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "shop.urls"\nINSTALLED_APPS = []\n',
    "shop/urls.py": (
        "from django.http import HttpResponse\nfrom django.urls import path\nfrom shop.words import greeting\n"
        'urlpatterns = [path("", lambda request: HttpResponse(greeting))]\n'
    ),
    "shop/wsgi.py": (
        "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\napplication = get_wsgi_application()\n'
    ),
    "shop/asgi.py": (
        "import os\nfrom django.core.asgi import get_asgi_application\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\napplication = get_asgi_application()\n'
    ),
}

# Frameworks without an application object; one layout each.
_OTHERS = (
    Case(
        framework="streamlit",
        server="",
        layout="root",
        dependencies=("streamlit",),
        files={"app.py": "import streamlit as st\nfrom words import greeting\nst.title(greeting)\n"},
        path="/_stcore/health",
        answer="ok",
    ),
    Case(
        framework="gradio",
        server="",
        layout="root",
        dependencies=("gradio",),
        files={
            "app.py": "import gradio as gr\nfrom words import greeting\n"
            "with gr.Blocks(title=greeting) as demo:\n    gr.Markdown(greeting)\n\n"
            'if __name__ == "__main__":\n    demo.launch()\n'
        },
    ),
    Case(
        framework="gradio",
        server="",
        layout="fixed port",
        dependencies=("gradio",),
        files={
            "app.py": "import gradio as gr\nfrom words import greeting\n"
            "with gr.Blocks(title=greeting) as demo:\n    gr.Markdown(greeting)\n"
            'demo.launch(server_name="127.0.0.1", server_port=7861)\n'
        },
    ),
    Case(
        framework="gradio",
        server="",
        layout="script",
        dependencies=("gradio",),
        packaged=True,
        files={
            "src/shop/__init__.py": "import gradio as gr\nfrom shop.words import greeting\n\ndef main():\n"
            "    with gr.Blocks(title=greeting) as demo:\n        gr.Markdown(greeting)\n    demo.launch()\n",
            "src/shop/words.py": _WORDS,
        },
    ),
    Case(
        framework="nicegui",
        server="",
        layout="root",
        dependencies=("nicegui",),
        files={
            "main.py": "from nicegui import ui\nfrom words import greeting\n"
            "ui.label(greeting)\nui.run(title=greeting)\n"
        },
    ),
    Case(
        framework="nicegui",
        server="",
        layout="pages",
        dependencies=("nicegui",),
        files={
            "main.py": "from nicegui import ui\nfrom words import greeting\n\n@ui.page('/')\ndef index():\n"
            "    ui.label(greeting)\n\nif __name__ in {'__main__', '__mp_main__'}:\n    ui.run(port=9000)\n"
        },
    ),
    Case(
        framework="chainlit",
        server="",
        layout="root",
        dependencies=("chainlit",),
        files={
            "app.py": "import chainlit as cl\n\n@cl.on_message\nasync def main(message):\n"
            "    await cl.Message(content=message.content).send()\n"
        },
        answer="<title>",
    ),
    Case(
        framework="panel",
        server="",
        layout="root",
        dependencies=("panel",),
        files={"app.py": "import panel as pn\nfrom words import greeting\npn.Row(greeting).servable(title=greeting)\n"},
        path="/app",
    ),
    Case(
        framework="shiny express",
        server="",
        layout="root",
        dependencies=("shiny",),
        files={"app.py": "from shiny.express import ui\nfrom words import greeting\nui.h1(greeting)\n"},
    ),
    Case(
        framework="marimo",
        server="",
        layout="root",
        dependencies=("marimo",),
        files={
            "notebook.py": "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    return\n\n\n"
            'if __name__ == "__main__":\n    app.run()\n'
        },
        answer="<title>",
    ),
    Case(
        framework="fastmcp",
        server="",
        layout="root",
        dependencies=("fastmcp",),
        files={
            "server.py": "from fastmcp import FastMCP\nfrom words import greeting\nmcp = FastMCP(greeting)\n\n"
            'if __name__ == "__main__":\n    mcp.run(transport="http")\n'
        },
        path="/mcp",
        body=_MCP_REQUEST,
    ),
    Case(
        framework="mcp",
        server="",
        layout="packaged",
        dependencies=("mcp",),
        packaged=True,
        files={
            "src/shop/__init__.py": "",
            "src/shop/words.py": _WORDS,
            "src/shop/server.py": "from mcp.server.mcpserver import MCPServer\nfrom shop.words import greeting\n"
            'mcp = MCPServer(greeting)\n\ndef main():\n    mcp.run(transport="streamable-http")\n',
        },
        path="/mcp",
        body=_MCP_REQUEST,
    ),
)


def all_cases() -> list[Case]:
    """Return every framework with every server at the root, and with its first server in the other layouts."""
    return [*_of_objects(), *_of_django(), *(_with_words(case) for case in _OTHERS)]


def _of_objects() -> Iterator[Case]:
    for framework, (servers, source) in _OBJECTS.items():
        for layout, prefix in _LAYOUTS.items():
            for server in servers if layout in {"root", "src"} else servers[:1]:
                files = {
                    f"{prefix}shop/__init__.py": "",
                    f"{prefix}shop/words.py": _WORDS,
                    f"{prefix}shop/main.py": source.format(package="shop"),
                }
                yield Case(
                    framework=framework,
                    server=server,
                    layout=layout,
                    dependencies=(framework.partition(" ")[0], *server.split()),
                    files=files,
                    packaged=layout == "packaged",
                )


def _of_django() -> Iterator[Case]:
    for server in (
        "gunicorn",
        "uvicorn",
        "waitress",
        "granian",
        "daphne",
        "hypercorn",
        "uwsgi",
        "gunicorn uvicorn-worker",
    ):
        for layout, prefix in _LAYOUTS.items():
            if layout != "root" and server not in {"gunicorn", "uvicorn"}:
                continue
            manage = "" if layout == "packaged" else prefix
            yield Case(
                framework="django",
                server=server,
                layout=layout,
                dependencies=("django", *server.split()),
                files={f"{manage}manage.py": _MANAGE, **{f"{prefix}{name}": text for name, text in _DJANGO.items()}},
                packaged=layout == "packaged",
            )


def _with_words(case: Case) -> Case:
    return case if case.packaged else replace(case, files={**case.files, "words.py": _WORDS})
