"""`python` wherever a container is started or entered, workers that fit its limits, and images that run tests."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import uuid
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.workbench import BASE, Workbench, diff_ids

from cnb_platform.platform_embedded import tag
from cnb_platform.platforms import run
from trial.pins import pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.package_index import PackageIndex

SHOWS = """
import alpha, json, os, subprocess, sys
inner = subprocess.run(["python", "-c", "import sys; print(sys.prefix)"], capture_output=True, text=True, check=True)
print(json.dumps({
    "alpha": alpha.version, "arguments": sys.argv[1:], "directory": os.path.basename(os.getcwd()),
    "same interpreter in subprocesses": inner.stdout.strip() == sys.prefix, "prefix": os.path.basename(sys.prefix),
}))
"""
EXPECTED = {
    "alpha": "1.1",
    "directory": "backend",
    "same interpreter in subprocesses": True,
    "prefix": "venv",
}
WORDS = ("a b", "$HOME", "--help", "'")
TEST = """
def test_the_app_is_found() -> None:
    import main
    assert main.GREETING == "hello"
"""


def docker(*words: str) -> str:
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextlib.contextmanager
def container(image: str, *words: str) -> Iterator[str]:
    """Yield a container that waits, by its name."""
    name = f"uv-buildpack-{uuid.uuid4().hex[:12]}"
    docker("run", "--detach", "--name", name, "--entrypoint", "launcher", image, *words, "--", "sleep", "300")
    try:
        yield name
    finally:
        docker("rm", "--force", name)


@pytest.fixture
def below(app: App, index: PackageIndex) -> App:
    """A project in a directory of the app."""
    below = App(app.directory / "backend")
    below.write({"pyproject.toml": project("below", ("alpha==1.1",), index=index.address), "show.py": SHOWS})
    below.lock()
    return app


def test_python_is_a_process_of_every_image(bench: Workbench, below: App, image: str) -> None:
    result = bench.build(below, image, previous=BASE, env={"BP_UV_PROJECT_DIR": "backend"})
    finished = run(bench.platform, image, ["show.py", *WORDS], process="python")
    assert json.loads(finished.output) == {**EXPECTED, "arguments": list(WORDS)}
    assert result.default_process == ""


@pytest.mark.platforms("containers")
def test_docker_finds_python_in_the_image(bench: Workbench, below: App, image: str) -> None:
    bench.build(below, image, env={"BP_UV_PROJECT_DIR": "backend"})
    expected = {**EXPECTED, "arguments": list(WORDS)}
    show = ("python", "show.py", *WORDS)
    assert json.loads(docker("run", "--rm", "--entrypoint", *show[:1], tag(image), *show[1:])) == expected
    with container(tag(image)) as name:
        assert json.loads(docker("exec", name, *show)) == expected
        assert json.loads(docker("exec", "--workdir", "/cnb", name, *show)) == expected
        assert json.loads(docker("exec", name, "sh", "-c", 'python show.py "$@"', "sh", *WORDS)) == expected
        done = subprocess.run(["docker", "exec", name, "python", "-c", "raise SystemExit(7)"], check=False)
        assert done.returncode == 7


@pytest.mark.platforms("containers")
def test_workers_fit_the_limits_of_the_container(
    bench: Workbench, below: App, image: str, measured: Callable[[str], None]
) -> None:
    bench.build(below, image, env={"BP_UV_PROJECT_DIR": "backend"})

    def workers(*limits: str) -> str:
        program = "import os; print(os.environ['WEB_CONCURRENCY'])"
        return docker("run", "--rm", *limits, "--entrypoint", "python", tag(image), "-c", program).strip()

    assert workers("--cpus", "0.5", "--memory", "300m") == "1"
    assert workers("--cpus", "0.5", "--memory", "512m") == "2"
    assert workers("--cpus", "1", "--memory", "1g") == "3"
    assert workers("--cpuset-cpus", "0", "--memory", "512m") == "2"
    assert workers("--cpus", "0.5", "--env", "WEB_CONCURRENCY=7") == "7"
    without = workers()
    assert 1 <= int(without) <= 12
    measured(f"WEB_CONCURRENCY without limits on this machine: {without}")


def test_an_image_for_tests_runs_them_and_leaves_nothing_behind(bench: Workbench, app: App, image: str) -> None:
    group = '[dependency-groups]\ndev = ["pytest"]\n'
    app.write(
        {
            "pyproject.toml": project("tested", more=group).replace(">=3.9", ">=3.11"),
            "main.py": 'GREETING = "hello"\n',
            "tests/test_main.py": TEST,
        }
    )
    pin(app.directory)
    app.lock()
    find = "import importlib.util as u, json; print(json.dumps(u.find_spec('pytest') is not None))"
    plain = bench.build(app, image, previous=BASE)
    assert bench.python(image, find) is False
    assert [process.type for process in plain.processes] == ["python"]
    tested = bench.build(app, image, env={"CNB_EXEC_ENV": "test"})
    assert re.search(r"\b1 passed\b", run(bench.platform, image, process="test").output)
    assert [process.type for process in tested.processes] == ["python", "test"]
    again = bench.build(app, image)
    assert bench.python(image, find) is False
    assert diff_ids(again) == diff_ids(plain)
