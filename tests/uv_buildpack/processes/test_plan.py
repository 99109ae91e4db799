"""Where process types come from, and which is the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs
from tests.uv_buildpack.trees import plant

from cnb.launch import Process
from uv_buildpack.errors import DefaultProcessUnknown, Problems, ProcfileInvalid
from uv_buildpack.processes.inference import AppFacts
from uv_buildpack.processes.plan import ProcessPlan, announce, facts_of, plan_processes
from uv_buildpack.project.files import read_pyproject
from uv_buildpack.project.selection import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def planned(
    app_dir: Path,
    table: Mapping[str, Any] | None = None,
    default: str | None = None,
    project: str = ".",
    pyproject: Mapping[str, Any] | None = None,
) -> ProcessPlan:
    facts = AppFacts(
        project_dir=app_dir / project,
        direct_dependencies=frozenset(["fastapi", "uvicorn"]),
        installed={"fastapi": "0.1", "uvicorn": "0.2"},
        packaged=True,
        pyproject=pyproject or {},
    )
    return plan_processes(table or {}, default, app_dir, facts, "production")


def problems(app_dir: Path, table: Mapping[str, Any], default: str | None = None) -> list[str]:
    with pytest.raises(Problems) as raised:
        planned(app_dir, table, default)
    return [problem.what for problem in raised.value.problems]


def application(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    (directory / "main.py").write_text("from fastapi import FastAPI\napp = FastAPI()\n")


def test_the_table_comes_before_the_procfile_and_the_procfile_before_inference(tmp_path: Path) -> None:
    application(tmp_path)
    inferred = planned(tmp_path)
    (tmp_path / "Procfile").write_text("web: gunicorn app:app\n")
    assert inferred.processes[0].command[0] == "/bin/sh"
    assert planned(tmp_path).processes[0].command == ("gunicorn", "app:app")
    assert planned(tmp_path, {"web": "waitress-serve app:app"}).processes[0].command[0] == "waitress-serve"


def test_every_form_of_the_table_is_understood(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    table = {
        "web": "gunicorn app:app -b :$PORT",
        "worker": ["celery", "-A", "shop app", "worker"],
        "clock.1": {"command": "python clock.py", "args": ["--fast"], "working-dir": "jobs"},
    }
    assert planned(tmp_path, table).processes == (
        Process(type="web", command=("/bin/sh", "-c", "exec gunicorn app:app -b :$PORT"), default=True),
        Process(type="worker", command=("celery", "-A", "shop app", "worker")),
        Process(
            type="clock.1",
            command=("python", "clock.py"),
            args=("--fast",),
            working_directory=str(tmp_path / "jobs"),
        ),
    )


def test_everything_wrong_with_the_table_is_said_at_once(tmp_path: Path) -> None:
    table = {
        "we b": "gunicorn app:app",
        "empty": "",
        "number": 5,
        "quote": "gunicorn 'app",
        "none": {"args": ["x"]},
        "key": {"command": "a", "default": True},
        "args": {"command": "a", "args": "x"},
        "shell": {"command": "a $PORT", "args": ["x"]},
        "dir": {"command": "a", "working-dir": ".."},
        "dir2": {"command": "a", "working-dir": 1},
        "dir3": {"command": "a", "working-dir": "a\0b"},
    }
    prefix = "[tool.uv-buildpack.processes]"
    assert problems(tmp_path, table, "gone") == [
        f"{prefix} we b: a process type is made of letters, digits, `.`, `_` and `-`.",
        f"{prefix} empty: the command is empty.",
        f"{prefix} number: is not a command.",
        f"{prefix} quote: the command cannot be read: no closing quotation.",
        f"{prefix} none: `command` is missing.",
        f"{prefix} key: unknown key default; the default is set by `default-process`.",
        f"{prefix} args args: is not an array of strings.",
        f"{prefix} shell args: the command needs a shell, so its arguments belong in `command`.",
        f"{prefix} dir working-dir: '..' is not a directory inside the app directory.",
        f"{prefix} dir2 working-dir: is not a string.",
        f"{prefix} dir3 working-dir: 'a\\x00b' is not a directory inside the app directory.",
        "default-process is 'gone', but there is no such process type.",
    ]


@pytest.mark.parametrize(
    ("types", "default", "expected"),
    [
        (["web", "worker"], None, "web"),
        (["worker"], None, "worker"),
        (["worker", "clock"], "clock", "clock"),
        (["worker", "clock"], None, None),
        (["web", "clock"], "clock", "web"),
    ],
)
def test_there_is_one_default(tmp_path: Path, types: list[str], default: str | None, expected: str | None) -> None:
    plan = planned(tmp_path, dict.fromkeys(types, "a"), default)
    assert [process.type for process in plan.processes if process.default] == ([expected] if expected else [])


def test_the_interpreter_is_no_default_and_does_not_count(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"worker": "a"})
    assert [(process.type, process.default) for process in plan.all] == [("worker", True), ("python", False)]
    (tmp_path / "main.py").write_text("print('hello')\n")
    assert [(process.type, process.default) for process in planned(tmp_path).all] == [("python", False)]


def test_a_process_named_python_is_the_projects_if_it_defines_one(tmp_path: Path) -> None:
    plan = planned(tmp_path, {"python": "bpython"})
    assert [(process.command, process.default) for process in plan.all] == [(("bpython",), True)]


def test_the_interpreter_cannot_be_asked_for_as_the_default(tmp_path: Path) -> None:
    with pytest.raises(Problems, match="default-process is 'python'"):
        planned(tmp_path, {"worker": "a"}, "python")


def test_frameworks_that_know_no_port_are_told_where_to_listen_whoever_starts_them(tmp_path: Path) -> None:
    facts = AppFacts(
        project_dir=tmp_path,
        direct_dependencies=frozenset(["gradio"]),
        installed={"gradio": "6.0", "streamlit": "1.0"},
        packaged=False,
        pyproject={},
    )
    plan = plan_processes({"ui": "python app.py"}, None, tmp_path, facts, "production")
    assert plan.variables == {"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "8080"}  # noqa: S104


def test_a_default_without_effect_is_named(tmp_path: Path) -> None:
    (warning,) = planned(tmp_path, {"web": "a", "clock": "b"}, "clock").warnings
    assert warning.startswith("default-process = 'clock' has no effect")


def test_an_unknown_default_of_inferred_processes_is_an_error(tmp_path: Path) -> None:
    application(tmp_path)
    with pytest.raises(DefaultProcessUnknown) as raised:
        planned(tmp_path, default="worker")
    assert raised.value.facts == ("Process types: web.",)


def test_a_process_starts_where_it_is_defined(tmp_path: Path) -> None:
    application(tmp_path / "backend")
    assert planned(tmp_path, project="backend").processes[0].working_directory == str(tmp_path / "backend")
    assert planned(tmp_path, {"web": "a"}, project="backend").processes[0].working_directory == str(
        tmp_path / "backend"
    )
    (tmp_path / "Procfile").write_text("web: a\n")
    assert planned(tmp_path, project="backend").processes[0].working_directory is None
    (tmp_path / "backend" / "Procfile").write_text("web: b\n")
    plan = planned(tmp_path, project="backend")
    assert plan.processes[0].working_directory == str(tmp_path / "backend")
    assert plan.evidence == {"web": ("backend/Procfile line 1",)}


def test_every_bad_command_of_a_procfile_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "Procfile").write_text("web: a 'b\n\nworker: c \"d\nclock: e\0\n")
    with pytest.raises(Problems) as raised:
        planned(tmp_path, default="gone")
    procfile, default = raised.value.problems
    assert isinstance(procfile, ProcfileInvalid)
    assert procfile.facts == (
        "line 1: the command cannot be read: no closing quotation",
        "line 3: the command cannot be read: no closing quotation",
        "line 4: the command has a NUL character, which no program can be given",
    )
    assert isinstance(default, DefaultProcessUnknown)


def test_a_procfile_without_a_usable_line_does_not_fall_back_to_inference(tmp_path: Path) -> None:
    application(tmp_path)
    (tmp_path / "Procfile").write_text("# nothing\n")
    with pytest.raises(ProcfileInvalid):
        planned(tmp_path)


def test_the_log_names_the_evidence(tmp_path: Path) -> None:
    application(tmp_path)
    with capture_logs() as events:
        announce(planned(tmp_path))
    assert [event["event"] for event in events] == [
        "web (default): exec uvicorn --host 0.0.0.0 --port ${PORT:-8080} main:app",
        "main.py:2: FastAPI application `app`",
        "uvicorn 0.2 in uv.lock",
        "python: python",
        "the environment's interpreter, for `docker exec` and one-off commands",
    ]


def test_when_nothing_is_certain_the_log_shows_what_was_considered_and_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print('hello')\n")
    with capture_logs() as events:
        announce(planned(tmp_path))
    assert events[-1]["event"] == "The image has no default process."
    assert events[-1]["advice"] == [
        "Considered:",
        "  main.py: does not mention FastAPI",
        "Write into pyproject.toml:",
        "  [tool.uv-buildpack.processes]",
        '  web = "uvicorn --host 0.0.0.0 --port ${PORT:-8080} your_module:app"',
    ]


def test_several_processes_without_a_default_are_listed(tmp_path: Path) -> None:
    with capture_logs() as events:
        announce(planned(tmp_path, {"a": "a", "b": "b"}))
    assert events[-1]["advice"] == ["There are a, b: name one of them as `default-process` in [tool.uv-buildpack]."]


def test_what_is_chosen_is_a_direct_dependency_and_the_rest_is_named_with_its_setting(tmp_path: Path) -> None:
    declared = """
        [project]
        name = "shop"
        dependencies = ["flask"]
        [project.optional-dependencies]
        serve = ["gunicorn"]
        [dependency-groups]
        work = ["celery"]
    """
    plant(tmp_path, {"pyproject.toml": declared})
    pyproject = read_pyproject(tmp_path, tmp_path / "pyproject.toml")
    alone = facts_of(pyproject, {}, None)
    assert (set(alone.direct_dependencies), set(alone.elsewhere)) == ({"flask"}, {"gunicorn", "celery"})
    chosen = facts_of(pyproject, {}, Choice(members=("shop",), extras=("serve",), groups=("work",)))
    assert set(chosen.direct_dependencies) == {"flask", "gunicorn", "celery"}
    assert not chosen.elsewhere
