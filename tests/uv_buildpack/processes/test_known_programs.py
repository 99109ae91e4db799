"""Start commands that name what is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.processes import start_command
from uv_buildpack.processes.known_programs import missing

if TYPE_CHECKING:
    from pathlib import Path


def said(directory: Path, line: str) -> list[str]:
    command = start_command.from_line(line)
    return missing(command, directory, {"flask", "uvicorn", "alembic"}, {"gunicorn": "BP_UV_GROUPS=prod"}, {"shop"})


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gunicorn app:app", ["gunicorn is not installed; BP_UV_GROUPS=prod installs it"]),
        ("exec hypercorn app:app -b :$PORT", ["hypercorn is not installed; `uv add hypercorn` adds it"]),
        (
            "alembic upgrade head && waitress-serve app:app",
            ["waitress-serve is not installed; `uv add waitress` adds it"],
        ),
        ("uvicron app:app", ["no program uvicron is known; did you mean uvicorn?"]),
        ("python server.py", ["there is no server.py"]),
        ("./start.sh --port $PORT", ["there is no ./start.sh"]),
        ("python app.py", []),
        ("python -m shop", []),
        ("uvicorn app:app --port $PORT", []),
        ("cd api && uvicorn app:app", []),
        ("shop serve", []),
        ("a-program-of-the-base-image --flag", []),
        ("bin/$NAME", []),
        ("/opt/tool run", []),
        ("case $X in a) uvicorn app:app;; esac", []),
    ],
)
def test_what_a_command_starts_that_is_not_there_is_named(tmp_path: Path, line: str, expected: list[str]) -> None:
    (tmp_path / "app.py").touch()
    assert said(tmp_path, line) == expected
