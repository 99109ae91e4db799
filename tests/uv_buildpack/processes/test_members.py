"""Workspaces of which several members are installed: what is started where, and when none is certain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.uv_buildpack.trees import plant

from uv_buildpack.configuration import Configuration
from uv_buildpack.errors import DefaultProcessUnknown
from uv_buildpack.processes.inference import AppFacts
from uv_buildpack.processes.members import plan_members
from uv_buildpack.processes.plan import decided, plan_app, shown

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.processes.plan import ProcessPlan

APPLICATION = "from fastapi import FastAPI\napp = FastAPI()\n"
TASKS = "from celery import Celery\napp = Celery()\n"
INSTALLED = dict.fromkeys(("celery", "fastapi", "uvicorn"), "1.0")


def planned(
    root: Path, files: dict[str, str], members: dict[str, tuple[str, ...]], default_process: str | None = None
) -> ProcessPlan:
    """Plan a workspace with these members (directory → direct dependencies)."""
    plant(root, files)

    def facts(directory: Path, name: str | None, direct: tuple[str, ...]) -> AppFacts:
        pyproject = {"project": {"name": name}} if name else {}
        return AppFacts(
            project_dir=directory,
            direct_dependencies=frozenset(direct),
            installed=INSTALLED,
            packaged=False,
            pyproject=pyproject,
        )

    each = {name: facts(root / name, name, direct) for name, direct in members.items()}
    configuration = Configuration(default_process=default_process)
    at_root = plan_app(facts(root, None, ()), configuration, root)
    return at_root if at_root.processes else decided(plan_members(at_root, each, configuration, root), default_process)


def test_each_member_brings_what_it_is(tmp_path: Path) -> None:
    files = {"api/main.py": APPLICATION, "jobs/tasks.py": TASKS, "core/models.py": "x = 1\n"}
    members = {"api": ("fastapi", "uvicorn"), "core": (), "jobs": ("celery",)}
    plan = planned(tmp_path, files, members)
    assert [(one.type, shown(one), one.working_directory, one.default) for one in plan.processes] == [
        ("web", "exec uvicorn --host 0.0.0.0 --port ${PORT:-8080} main:app", str(tmp_path / "api"), True),
        ("worker", "celery --app tasks:app worker --loglevel INFO", str(tmp_path / "jobs"), False),
    ]
    assert plan.evidence["web"][0] == "main.py:2: FastAPI application `app`"
    assert [beside.process.type for beside in plan.beside] == ["python"]


def test_of_two_equal_members_neither_is_certain(tmp_path: Path) -> None:
    files = {"api/main.py": APPLICATION, "shop/main.py": APPLICATION, "jobs/tasks.py": TASKS}
    plan = planned(tmp_path, files, {"api": ("fastapi",), "shop": ("fastapi",), "jobs": ("celery",)})
    assert [one.type for one in plan.processes] == ["worker"]
    assert plan.default is None
    for name in ("api", "shop"):
        line = (
            f"main.py:2: FastAPI application `app`, `web` of {name}, one of several (BP_UV_PACKAGE={name} chooses it)"
        )
        assert any(each.startswith(line) for each in plan.considered)


def test_what_the_root_declares_counts_alone(tmp_path: Path) -> None:
    files = {"Procfile": "web: python serve.py\n", "api/main.py": APPLICATION}
    plan = planned(tmp_path, files, {"api": ("fastapi", "uvicorn"), "core": ()})
    assert [(one.type, shown(one), one.working_directory) for one in plan.processes] == [
        ("web", "python serve.py", None)
    ]


def test_the_default_is_one_of_all(tmp_path: Path) -> None:
    files = {"mail/tasks.py": TASKS, "api/main.py": "if __name__ == '__main__':\n    print()\n"}
    members: dict[str, tuple[str, ...]] = {"api": (), "mail": ("celery",)}
    assert planned(tmp_path, files, members).default is None
    chosen = planned(tmp_path, files, members, default_process="main").default
    assert chosen is not None
    assert chosen.type == "main"
    with pytest.raises(DefaultProcessUnknown):
        planned(tmp_path, files, members, default_process="web")
