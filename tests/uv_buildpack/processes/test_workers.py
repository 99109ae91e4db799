"""Which processes start one worker whatever the container's size."""

from __future__ import annotations

import pytest

from uv_buildpack.processes.workers import starts_one_worker

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
    assert not starts_one_worker(command, UVICORN)


@pytest.mark.parametrize("command", ["python main.py", "serve", "python -m shop.uvicorn", "my-gunicorn --port 1"])
def test_a_program_that_may_call_uvicorn_starts_one(command: str) -> None:
    assert starts_one_worker(command, UVICORN)
    assert not starts_one_worker(command, {"flask": "3.1"})
