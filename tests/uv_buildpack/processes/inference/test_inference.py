"""What is started when the project does not say."""

from __future__ import annotations

import os
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from uv_buildpack.processes.inference import AppFacts, Inference, infer
from uv_buildpack.processes.inference.objects import bindings
from uv_buildpack.processes.inference.syntax import Module, parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FASTAPI = "from fastapi import FastAPI\napp = FastAPI()\n"
FLASK = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "from flask import Flask\n\ndef create_app():\n    app = Flask(__name__)\n    return app\n"


def inferred(  # noqa: PLR0913 (each a fact that a claim is about)
    project_dir: Path,
    files: Mapping[str, str],
    *,
    direct: tuple[str, ...] = ("fastapi", "uvicorn"),
    transitive: tuple[str, ...] = (),
    packaged: bool = False,
    pyproject: Mapping[str, Any] | None = None,
    versions: Mapping[str, str] | None = None,
) -> Inference:
    for name, content in files.items():
        path = project_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return infer(
        AppFacts(
            project_dir=project_dir,
            direct_dependencies=frozenset(direct),
            installed={**dict.fromkeys((*direct, *transitive), "1.0"), **(versions or {})},
            packaged=packaged,
            pyproject=pyproject or {"project": {"name": "shop"}},
        )
    )


def web(inference: Inference) -> str | None:
    return next((process.command for process in inference.processes if process.type == "web"), None)


@pytest.mark.parametrize(
    ("files", "target"),
    [
        ({"main.py": FASTAPI}, "main:app"),
        ({"app/main.py": FASTAPI}, "app.main:app"),
        ({"app/__init__.py": "", "app/main.py": FASTAPI}, "app.main:app"),
        ({"shop/app.py": FASTAPI}, "shop.app:app"),
        ({"shop/__init__.py": FASTAPI}, "shop:app"),
        ({"src/__init__.py": "", "src/main.py": FASTAPI}, "src.main:app"),
        ({"src/main.py": "from src.db import x\n" + FASTAPI, "src/db.py": ""}, "src.main:app"),
        ({"main.py": "import fastapi\napi: fastapi.FastAPI = fastapi.FastAPI()\n"}, "main:api"),
        ({"main.py": "from fastapi import FastAPI as F\nclass A(F): ...\napp = A()\n"}, "main:app"),
        ({"main.py": "from fastapi import FastAPI\nsub = FastAPI()\napp = FastAPI()\n"}, "main:app"),
        ({"main.py": "try:\n  from fastapi import FastAPI\nfinally:\n  app = FastAPI()\n"}, "main:app"),
        ({"main.py": "print('a script')\n", "app.py": FASTAPI}, "app:app"),
        ({"main.py": "\ufeff" + FASTAPI}, "main:app"),
    ],
)
def test_an_application_object_is_found(tmp_path: Path, files: dict[str, str], target: str) -> None:
    assert web(inferred(tmp_path, files)) == f"uvicorn --host 0.0.0.0 --port ${{PORT:-8080}} {target}"


@pytest.mark.parametrize(
    ("files", "path", "target"),
    [
        ({"src/main.py": FASTAPI}, "src", "main:app"),
        ({"src/shop/main.py": FASTAPI}, "src", "shop.main:app"),
        ({"src/shop/__init__.py": "", "src/shop/main.py": "from . import x\n" + FASTAPI}, "src", "shop.main:app"),
        (
            {"backend/app/main.py": "from app.db import x\n" + FASTAPI, "backend/app/db.py": ""},
            "backend",
            "app.main:app",
        ),
        ({"app/main.py": "import routers\n" + FASTAPI, "app/routers.py": ""}, "app", "main:app"),
    ],
)
def test_a_module_elsewhere_gets_its_directory_on_the_path(
    tmp_path: Path, files: dict[str, str], path: str, target: str
) -> None:
    command = web(inferred(tmp_path, files))
    assert command == f"uvicorn --app-dir {path} --host 0.0.0.0 --port ${{PORT:-8080}} {target}"


def test_a_module_called_like_an_import_from_elsewhere_does_not_mislead(tmp_path: Path) -> None:
    files = {"app/main.py": "import logging\nimport fastapi\n" + FASTAPI, "app/logging.py": "", "app/fastapi.py": ""}
    assert str(web(inferred(tmp_path, files))).endswith(" app.main:app")


def test_an_installed_project_needs_no_path(tmp_path: Path) -> None:
    command = web(inferred(tmp_path, {"src/shop/main.py": FASTAPI}, packaged=True))
    assert command == "uvicorn --host 0.0.0.0 --port ${PORT:-8080} shop.main:app"


@pytest.mark.parametrize(
    ("direct", "command"),
    [
        (("fastapi", "uvicorn"), "uvicorn --host 0.0.0.0 --port ${PORT:-8080} --factory main:create_app"),
        (
            ("fastapi", "hypercorn"),
            "hypercorn --bind 0.0.0.0:${PORT:-8080} --workers ${WEB_CONCURRENCY:-1} 'main:create_app()'",
        ),
        (
            ("fastapi", "granian"),
            (
                "granian --interface asgi --host 0.0.0.0 --port ${PORT:-8080} --workers ${WEB_CONCURRENCY:-1}"
                " --factory main:create_app"
            ),
        ),
        (
            ("fastapi", "gunicorn", "uvicorn-worker", "uvicorn"),
            "gunicorn --worker-class uvicorn_worker.UvicornWorker --bind 0.0.0.0:${PORT:-8080} 'main:create_app()'",
        ),
    ],
)
def test_a_factory_is_called_by_the_server(tmp_path: Path, direct: tuple[str, ...], command: str) -> None:
    source = "from fastapi import FastAPI\ndef create_app(debug: bool = False) -> FastAPI: ...\n"
    assert web(inferred(tmp_path, {"main.py": source}, direct=direct)) == command


def test_a_factory_that_wants_arguments_is_none(tmp_path: Path) -> None:
    source = "from fastapi import FastAPI\ndef create_app(settings): return FastAPI()\n"
    assert inferred(tmp_path, {"main.py": source}).processes == ()


def test_what_a_factory_of_another_module_returns_is_an_application(tmp_path: Path) -> None:
    files = {
        "wsgi.py": "from shop import create_app\n\napplication = create_app()\n",
        "shop/__init__.py": "from .factory import create_app\n",
        "shop/factory.py": FACTORY,
    }
    inference = inferred(tmp_path, files, direct=("flask", "gunicorn"))
    assert web(inference) == "gunicorn --bind 0.0.0.0:${PORT:-8080} wsgi:application"
    assert inference.processes[0].evidence == (
        "wsgi.py:3: Flask application `application`",
        "gunicorn 1.0 in uv.lock",
    )


@pytest.mark.parametrize(
    ("server", "command"),
    [
        ("gunicorn", "gunicorn --pythonpath src --bind 0.0.0.0:${PORT:-8080} 'shop:create_app()'"),
        ("waitress", "PYTHONPATH=src waitress-serve --listen=0.0.0.0:${PORT:-8080} --call shop:create_app"),
        (
            "hypercorn",
            "hypercorn --bind 0.0.0.0:${PORT:-8080} --workers ${WEB_CONCURRENCY:-1} 'wsgi:src/shop:create_app()'",
        ),
        (
            "granian",
            (
                "PYTHONPATH=src granian --interface wsgi --host 0.0.0.0 --port ${PORT:-8080}"
                " --workers ${WEB_CONCURRENCY:-1} --factory shop:create_app"
            ),
        ),
    ],
)
def test_each_wsgi_server_is_started_its_own_way(tmp_path: Path, server: str, command: str) -> None:
    assert web(inferred(tmp_path, {"src/shop/__init__.py": FACTORY}, direct=("flask", server))) == command


@pytest.mark.parametrize(("version", "command"), [("25.3.0", "--worker-class eventlet"), ("27.0.1", None)])
def test_eventlet_needs_a_gunicorn_that_has_a_worker_for_it(tmp_path: Path, version: str, command: str | None) -> None:
    sockets = "from flask_socketio import SocketIO\n" + FLASK + "socketio = SocketIO(app)\n"
    direct = ("flask", "flask-socketio", "gunicorn", "eventlet")
    inference = inferred(tmp_path, {"app.py": sockets}, direct=direct, versions={"gunicorn": version})
    assert (command or "") in (web(inference) or "")
    assert (web(inference) is None) == any("no worker for eventlet" in line for line in inference.considered)
    assert (web(inference) is None) == (command is None)


def test_without_a_server_flask_is_started_with_a_warning(tmp_path: Path) -> None:
    (process,) = inferred(tmp_path, {"app.py": FLASK}, direct=("flask",)).processes
    assert process.command == "flask --app app:app run --host 0.0.0.0 --port ${PORT:-8080}"
    assert "uv add gunicorn" in process.warnings[0]


def test_without_a_server_fastapi_is_not_started(tmp_path: Path) -> None:
    inference = inferred(tmp_path, {"main.py": FASTAPI}, direct=("fastapi",))
    assert inference.processes == ()
    assert inference.considered[-1] == "uv.lock: no server for FastAPI in it; `uv add uvicorn` adds one"


def test_a_server_that_is_asked_for_beats_one_that_rides_along(tmp_path: Path) -> None:
    files = {"main.py": FASTAPI}
    command = web(inferred(tmp_path, files, direct=("fastapi", "uvicorn"), transitive=("granian",)))
    assert str(command).startswith("uvicorn ")


def test_a_server_that_rides_along_is_good_enough(tmp_path: Path) -> None:
    assert web(inferred(tmp_path, {"main.py": FASTAPI}, direct=("fastapi",), transitive=("uvicorn",)))


def test_a_framework_counts_only_as_a_direct_dependency(tmp_path: Path) -> None:
    files = {"main.py": FASTAPI}
    inference = inferred(tmp_path, files, direct=("httpx",), transitive=("fastapi", "uvicorn"))
    assert inference.processes == ()
    assert inference.considered[0] == "pyproject.toml: no web framework is a direct dependency"


def test_the_declared_entrypoint_comes_first(tmp_path: Path) -> None:
    pyproject = {"tool": {"fastapi": {"entrypoint": "shop.api:create"}}}
    files = {"main.py": FASTAPI, "src/shop/api.py": "def create(): ...\n"}
    command = web(inferred(tmp_path, files, pyproject=pyproject))
    assert command == "uvicorn --app-dir src --host 0.0.0.0 --port ${PORT:-8080} shop.api:create"


def test_a_declared_entrypoint_without_a_module_is_named(tmp_path: Path) -> None:
    pyproject = {"tool": {"fastapi": {"entrypoint": "gone:app"}}}
    inference = inferred(tmp_path, {"main.py": "x = 1\n"}, pyproject=pyproject)
    assert inference.considered[0] == "[tool.fastapi] entrypoint 'gone:app': no such module here"


def test_two_likely_applications_are_no_answer(tmp_path: Path) -> None:
    files = {"orders/main.py": FASTAPI, "users/main.py": FASTAPI}
    command = "uvicorn --host 0.0.0.0 --port ${PORT:-8080}"
    inference = inferred(tmp_path, files)
    assert inference.processes == ()
    assert inference.considered == (
        f"orders/main.py:2: FastAPI application `app`, one of several: {command} orders.main:app",
        f"users/main.py:2: FastAPI application `app`, one of several: {command} users.main:app",
    )
    assert inference.suggestion == (
        '[tool.uv-buildpack.processes]\nweb = "uvicorn --host 0.0.0.0 --port ${PORT:-8080} orders.main:app"'
    )


def test_of_two_the_package_called_like_the_project_wins(tmp_path: Path) -> None:
    files = {"orders/main.py": FASTAPI, "shop/main.py": FASTAPI}
    assert str(web(inferred(tmp_path, files))).endswith(" shop.main:app")


def test_tests_environments_and_other_projects_are_not_read(tmp_path: Path) -> None:
    files = {
        "tests/main.py": FASTAPI,
        ".venv/main.py": FASTAPI,
        "my-env/pyvenv.cfg": "",
        "my-env/main.py": FASTAPI,
        "packages/other/pyproject.toml": "",
        "packages/other/main.py": FASTAPI,
        "node_modules/main.py": FASTAPI,
    }
    assert inferred(tmp_path, files).processes == ()


@pytest.mark.parametrize(
    "name", ["it's.py", 'a".py', "a$(b).py", "a\\b.py", "a  b.py", "a\nb.py", "a\udce9.py", "it's/a.py"]
)
def test_names_that_no_command_line_could_hold_are_left_out(tmp_path: Path, name: str) -> None:
    files = {name: "import gradio\ngradio.Interface(str, 'text', 'text').launch(server_name='127.0.0.1')\n"}
    inference = inferred(tmp_path, files, direct=("gradio",))
    assert inference.processes == ()
    assert inference.considered
    assert not any(name in line for line in inference.considered)


def test_what_was_considered_is_said(tmp_path: Path) -> None:
    files = {
        "main.py": "print('hello')\n",
        "app.py": "from fastapi import FastAPI\ndef f(:\n",
        "asgi.py": "import fastapi\n\nif __name__ == '__main__':\n    app = fastapi.FastAPI()\n",
    }
    inference = inferred(tmp_path, files)
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    assert inference.considered == (
        f"app.py: line 2 cannot be parsed by {python}, so that it may hold the application",
        "asgi.py: no application object at the top level",
        "main.py: does not mention FastAPI",
    )
    assert inference.suggestion.endswith('web = "uvicorn --host 0.0.0.0 --port ${PORT:-8080} your_module:app"')


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("import fastapi\n" + "#" * 600_000, "larger than 512 KB"),
        ("import fastapi.FastAPI\0\n", "cannot be parsed"),
        ("import fastapi\nasync def create_app() -> fastapi.FastAPI: ...\n", "no application object at the top level"),
        ("import fastapi\napps = [fastapi.FastAPI()]\n", "no application object at the top level"),
        ("import fastapi\napp = fastapi.FastAPI().routes[0]()\n", "no application object at the top level"),
        ("import fastapi\nfrom gone import create_app\napp = create_app()\n", "no application object at the top level"),
    ],
)
def test_what_is_no_application_is_not_taken_for_one(tmp_path: Path, content: str, reason: str) -> None:
    inference = inferred(tmp_path, {"main.py": content})
    assert inference.processes == ()
    assert inference.considered[0].startswith(f"main.py: {reason}")


def test_a_source_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.py").symlink_to("/proc/self/mem")  # fails for root too
    assert inferred(tmp_path, {}).considered == ("main.py: Input/output error, so that it may hold the application",)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("fastmcp.json", "gunicorn.conf.py", "main.py", "uwsgi.ini"):
        os.mkfifo(tmp_path / name)
    for server in ("gunicorn", "uwsgi"):
        inference = inferred(tmp_path, {"app.py": FLASK}, direct=("fastmcp", "flask", server))
        assert "app:app" in str(web(inference))


def test_a_directory_with_the_name_of_a_module_is_none(tmp_path: Path) -> None:
    (tmp_path / "app.py").mkdir()
    assert web(inferred(tmp_path, {"main.py": FASTAPI}))


def test_each_script_of_an_installed_project_is_a_process_type(tmp_path: Path) -> None:
    pyproject = {"project": {"name": "shop", "scripts": {"serve": "shop:main", "shop-import": "shop.imp:main"}}}
    inference = inferred(tmp_path, {}, direct=(), packaged=True, pyproject=pyproject)
    assert [(process.type, process.command) for process in inference.processes] == [
        ("serve", "serve"),
        ("shop-import", "shop-import"),
    ]
    assert inference.processes[0].evidence == (
        "pyproject.toml: [project.scripts] serve = 'shop:main'",
        "started without arguments",
    )


def test_scripts_of_a_project_that_is_not_installed_do_not_exist(tmp_path: Path) -> None:
    pyproject = {"project": {"name": "shop", "scripts": {"serve": "shop:main"}}}
    inference = inferred(tmp_path, {}, direct=(), pyproject=pyproject)
    assert inference.processes == ()
    assert "not installed" in inference.considered[-1]


def test_a_script_called_web_is_the_web_process(tmp_path: Path) -> None:
    pyproject = {"project": {"name": "shop", "scripts": {"web": "shop:main"}}}
    inference = inferred(tmp_path, {"main.py": FASTAPI}, packaged=True, pyproject=pyproject)
    assert [process.command for process in inference.processes] == ["web"]


def test_modules_that_import_each_other_are_read_once(tmp_path: Path) -> None:
    names = [f"part_{letter}" for letter in "abcdefgh"]
    imports = "".join(f"from shop.{name} import {name}\n" for name in names)
    for name in names:
        path = tmp_path / "shop" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(imports, encoding="utf-8")
    asked: list[str] = []

    def resolve(dotted: str) -> Module | None:
        asked.append(dotted)
        return parsed(PurePosixPath(f"{dotted.replace('.', '/')}.py"))

    def parsed(path: PurePosixPath) -> Module:
        module = parse((tmp_path / path).read_bytes(), path, ".".join(path.with_suffix("").parts))
        assert isinstance(module, Module)
        return module

    assert bindings(parsed(PurePosixPath("shop/part_a.py")), {}, resolve) == []
    # Once for each import of each module and each distance from the first: not for each way that leads there.
    assert len(asked) <= len(names) * len(names) * 5
