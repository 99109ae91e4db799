"""What the repository starts elsewhere is shown as one line, with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from uv_buildpack.processes.inference.hints import start_hints

if TYPE_CHECKING:
    from pathlib import Path

COMPOSE = "services:\n  web:\n"


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("compose.yaml", f"{COMPOSE}    command: python -m shop\n", "compose.yaml:3 starts: python -m shop"),
        (
            "docker-compose.yml",
            f"{COMPOSE}    command: >\n      sh -c 'migrate &&\n      gunicorn shop'\n    image: shop\n",
            "docker-compose.yml:3 starts: sh -c 'migrate && gunicorn shop'",
        ),
        (
            "compose.yml",
            f"{COMPOSE}    command:\n      - celery\n      - --app\n      - shop\n    image: shop\n",
            "compose.yml:3 starts: celery --app shop",
        ),
        (
            "Dockerfile",
            'FROM a\nCMD ["b"]\nFROM c\nCMD exec gunicorn \\\n    --bind :80 \\\n    shop\n',
            "Dockerfile:4 starts: exec gunicorn --bind :80 shop",
        ),
        (
            "fly.toml",
            'app = "shop"\n[processes]\nweb = "uvicorn shop:app"\nworker = "python -m jobs"\n',
            'fly.toml:3 starts: "uvicorn shop:app"',
        ),
        ("render.yaml", "services:\n  - startCommand: gunicorn shop\n", "render.yaml:2 starts: gunicorn shop"),
        ("app.yaml", "runtime: python\nentrypoint: gunicorn main:app\n", "app.yaml:2 starts: gunicorn main:app"),
        ("compose.yaml", f"{COMPOSE}    command: # none\n    image: shop\n", ""),
    ],
)
def test_a_start_command_is_shown_as_one_line(tmp_path: Path, name: str, content: str, hint: str) -> None:
    (tmp_path / name).write_text(content)
    assert list(start_hints(tmp_path)) == ([hint] if hint else [])


def test_a_file_of_thousands_of_lines_is_no_burden(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("command:\n" + "  - x\n" * 50_000)
    (hint,) = start_hints(tmp_path)
    assert len(hint) < 300
