"""Which processes start one worker whatever the container's size."""

from __future__ import annotations

import pytest

from uv_buildpack.processes.workers import why_one_worker

UVICORN = {"uvicorn": "0.54.0"}


@pytest.mark.parametrize(
    "command",
    [
        "uvicorn --host 0.0.0.0 --port ${PORT:-8080} app.main:app",
        "exec /layers/venv/bin/gunicorn app:app",
        "python -m uvicorn app:app",
        "fastapi run",
        "hypercorn --workers ${WEB_CONCURRENCY:-1} app:app",
        "serve --workers $WEB_CONCURRENCY",
    ],
)
def test_a_servers_own_command_starts_as_many_as_fit(command: str) -> None:
    assert why_one_worker(command, UVICORN, {"fastapi"}) == ""


@pytest.mark.parametrize("command", ["python main.py", "serve", "python -m shop.uvicorn", "my-gunicorn --port 1"])
def test_a_program_that_may_call_uvicorn_starts_one(command: str) -> None:
    assert why_one_worker(command, UVICORN, {"fastapi"}) == "uvicorn.run() may refuse more"
    assert why_one_worker(command, {"flask": "3.1"}, {"flask"}) == ""


def test_a_framework_with_sessions_in_memory_starts_one_with_any_server() -> None:
    installed = {**UVICORN, "fastmcp": "3.0", "shiny": "1.5"}
    assert why_one_worker("uvicorn server:app", installed, {"fastmcp"}) == "fastmcp keeps sessions in memory"
    assert why_one_worker("uvicorn server:app", installed, {"fastapi"}) == ""
    # A marker excludes it here.
    assert why_one_worker("uvicorn server:app", UVICORN, {"gradio"}) == ""


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn --bind 0.0.0.0:${PORT:-8080} shop.wsgi:application",
        "gunicorn wsgi:app",
        "granian --interface wsgi shop.web:app",
    ],
)
def test_an_asgi_framework_is_in_no_process_that_serves_wsgi(command: str) -> None:
    installed = {"gunicorn": "25.1", "mcp": "2.0", "flask-socketio": "5.5"}
    assert why_one_worker(command, installed, {"mcp"}) == ""
    assert why_one_worker(command, installed, {"flask-socketio"}) == "flask-socketio keeps sessions in memory"
    assert why_one_worker(command.replace("wsgi", "asgi"), installed, {"mcp"}) == "mcp keeps sessions in memory"
