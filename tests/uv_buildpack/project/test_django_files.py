"""Where a Django project is, and what its settings read, found without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.project.django_files import find_manage, secret_variables, static_root_is_mentioned

if TYPE_CHECKING:
    from pathlib import Path

MANAGE = "from django.core.management import execute_from_command_line\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"manage.py": MANAGE, "old/manage.py": MANAGE}, ["manage.py"]),
        ({"manage.py": "from flask_script import Manager\n"}, []),
        ({"manage.py": "import flask\n", "backend/manage.py": MANAGE}, ["backend/manage.py"]),
        ({"a/b/manage.py": MANAGE}, ["a/b/manage.py"]),
        ({"a/manage.py": MANAGE, "b/manage.py": MANAGE}, ["a/manage.py", "b/manage.py"]),
        ({"tests/manage.py": MANAGE, ".venv/manage.py": MANAGE, "node_modules/manage.py": MANAGE}, []),
        ({"a/b/c/d/manage.py": MANAGE}, []),
    ],
)
def test_the_nearest_manage_py_of_django_is_found(tmp_path: Path, files: dict[str, str], found: list[str]) -> None:
    plant(tmp_path, files)
    assert [path.relative_to(tmp_path).as_posix() for path in find_manage(tmp_path)] == found


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('SECRET_KEY = os.environ["APP_KEY"]', {"APP_KEY"}),
        ("SECRET_KEY: str = config('APP_KEY', cast=str)", {"APP_KEY"}),
        ('if True:\n    SECRET_KEY = env.str("APP_KEY")', {"APP_KEY"}),
        ('SECRET_KEY = "django-insecure-abc"', set()),
        ('SECRET_KEY = get("lower")', set()),
        ('if SECRET_KEY == "APP_KEY": pass', set()),
        ('AWS_SECRET_KEY = os.environ["AWS"]', set()),
    ],
)
def test_the_variable_of_the_secret_key_is_found(tmp_path: Path, text: str, names: set[str]) -> None:
    plant(tmp_path, {"shop/settings/base.py": f"{text}\n"})
    assert secret_variables(tmp_path) == names


def test_static_root_is_looked_for_in_every_module(tmp_path: Path) -> None:
    plant(tmp_path, {"shop/settings.py": "DEBUG = False\n", ".venv/x.py": "STATIC_ROOT\n", "a.txt": "STATIC_ROOT\n"})
    assert not static_root_is_mentioned(tmp_path)
    plant(tmp_path, {"config/base.py": "STATIC_ROOT = 1\n"})
    assert static_root_is_mentioned(tmp_path)


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "manage.py").symlink_to("manage.py")
    (tmp_path / "settings.py").symlink_to("nowhere")
    assert find_manage(tmp_path) == []
    assert not static_root_is_mentioned(tmp_path)
