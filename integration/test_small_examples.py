"""The smaller examples: each is locked, built, started, and answers; the large ones are for `scripts/try`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest
from integration.application import App
from integration.machine import EMBEDDED
from integration.workbench import BASE

from trial import pins
from trial.prerequisites import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from integration.workbench import Workbench

pytestmark = pytest.mark.platforms(EMBEDDED)

INDEX = "http://127.0.0.1:3141/simple/"
CREDENTIALS = {"UV_INDEX_INTERNAL_USERNAME": "demo", "UV_INDEX_INTERNAL_PASSWORD": "demo"}


@dataclass(frozen=True, slots=True)
class Example:
    """An example and its answer; `processes` are those that its image has besides."""

    name: str
    answer: str
    processes: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    at_launch: Mapping[str, str] = field(default_factory=dict)


EXAMPLES = [
    Example("celery", '"message":"Hello from orders"', ("worker",)),
    Example("django", "/static/catalogue/style.", ("worker",)),
    # One worker counts all visits; the first one saw that it is up.
    Example("flask", "Hello from Flask, visit 2", at_launch={"WEB_CONCURRENCY": "1"}),
    Example("mcp", "Hello from MCP"),
    Example("script", '"message":"Hello from a script"'),
    Example("private-index", "Hello from a private index", variables=CREDENTIALS),
]


@pytest.fixture(scope="module", autouse=True)
def private_index() -> Iterator[None]:
    """The index of the example with a private one."""
    argv = [sys.executable, str(REPOSITORY / "examples/private-index/index.py")]
    with subprocess.Popen(argv, stderr=subprocess.DEVNULL) as index:
        try:
            deadline = time.monotonic() + 30
            while not _answers() and time.monotonic() < deadline:
                time.sleep(0.05)
            yield
        finally:
            index.terminate()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_it_is_built_and_answers(
    bench: Workbench, tmp_path: Path, example: Example, measured: Callable[[str], None]
) -> None:
    app = App(tmp_path / example.name)
    shutil.copytree(REPOSITORY / "examples" / example.name, app.directory, ignore=shutil.ignore_patterns("uv.lock"))
    pins.pin(app.directory)
    scripts = [path.name for path in pins.scripts(app.directory)]
    app.lock(*(("--script", *scripts) if scripts else ()), variables=example.variables)
    image = f"example-{example.name}"
    result = bench.build(app, image, previous=BASE, env=example.variables)
    assert not CREDENTIALS.keys() & os.environ.keys()
    for process in example.processes:
        assert f"\n  {process}: " in result.log
    with bench.serving(image, env=example.at_launch) as address:
        answer = httpx.get(address, timeout=30)
    assert answer.status_code == 200
    assert example.answer in answer.text
    measured(f"{example.name}: built in {sum(result.durations.values()):.1f} s: {answer.text.strip()}")


def test_examples_have_a_readme_that_names_its_command() -> None:
    for path in sorted((REPOSITORY / "examples").glob("*/README.md")):
        if path.parent.name != "hello-buildpack":  # a buildpack, not an application
            assert f"scripts/try examples/{path.parent.name}" in path.read_text(encoding="utf-8")


def _answers() -> bool:
    try:
        httpx.get(INDEX)
    except httpx.TransportError:
        return False
    return True
