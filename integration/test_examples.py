"""The examples, locked against the real index: built in an image without python3, asked over HTTP, looked into."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest
from integration.application import App
from integration.machine import CONTAINERS
from integration.workbench import BASE, Workbench, commands, diff_ids, layer_states

from cnb_platform.platform_embedded import tag
from trial.pins import pin
from trial.prerequisites import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from cnb_platform.result import BuildResult

pytestmark = pytest.mark.in_containers

# Imports modules, and tells of each module of the layers how it was loaded.
INSPECT = """
import importlib, importlib.util, json, os, shutil, sys
for name in sys.argv[3].split():
    importlib.import_module(name)
layers = sys.base_prefix.rpartition("/")[0] + "/"
own = [m for m in list(sys.modules.values()) if (getattr(m, "__file__", None) or "").startswith(layers)]
def flags(module):
    try:
        with open(module.__cached__, "rb") as opened:
            head = opened.read(8)
    except OSError:
        return None
    return int.from_bytes(head[4:], "little") if head[:4] == importlib.util.MAGIC_NUMBER else None
def is_checked(module):
    if flags(module) != 3:
        return False
    with open(module.__file__, "rb") as source, open(module.__cached__, "rb") as cached:
        return cached.read()[8:16] == importlib.util.source_hash(source.read())
app = [m for m in list(sys.modules.values()) if (getattr(m, "__file__", None) or "").startswith(os.getcwd() + "/")]
python = [m for m in own if m.__file__.endswith(".py") and m.__spec__ and m.__spec__.origin != "frozen"]
print(json.dumps({
    "count": len(python),
    "not unchecked": [m.__name__ for m in python if flags(m) != 1],
    "app": len(app),
    "not checked": [m.__name__ for m in app if not is_checked(m)],
    "executable": sys.executable.removeprefix(layers),
    "base prefix": sys.base_prefix.removeprefix(layers),
    "modules from elsewhere": sorted({m.__file__ for m in sys.modules.values() if getattr(m, "__file__", None)}
        - {m.__file__ for m in own}),
    "programs": {name: (shutil.which(name) or "").removeprefix(layers) for name in sys.argv[1].split()},
    "found": [name for name in sys.argv[2].split() if importlib.util.find_spec(name)],
}))
"""


@dataclass(frozen=True, slots=True)
class Example:
    """What an example has: modules to import, programs, what it leaves out, what it answers."""

    name: str
    imports: str
    programs: dict[str, str]
    absent: str
    answer: str


EXAMPLES = [
    Example(
        "fastapi",
        imports="fastapi uvicorn pydantic asyncio ssl sqlite3 app.main",
        programs={"python": "venv/bin/python", "uvicorn": "venv/bin/uvicorn"},
        absent="pytest httpx",
        answer="Hello from FastAPI",
    ),
    Example(
        "workspace",
        imports="storefront.main pricing uvicorn",
        programs={"python": "venv/bin/python", "uvicorn": "venv/bin/uvicorn"},
        absent="pytest",
        answer="",
    ),
    Example(
        "packaged",
        imports="greeter waitress",
        programs={"python": "venv/bin/python", "greeter": "venv-project/bin/greeter"},
        absent="pytest",
        answer="Hello from greeter 0.1.0",
    ),
]


@dataclass(frozen=True, slots=True)
class Built:
    """An example that was built."""

    example: Example
    app: App
    image: str
    result: BuildResult


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: example.name)
def built(request: pytest.FixtureRequest, bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """An example; the first is built from nothing, the others have its Python."""
    example: Example = request.param
    app = App(tmp_path_factory.mktemp("examples") / example.name)
    shutil.copytree(
        REPOSITORY / "examples" / example.name, app.directory, ignore=shutil.ignore_patterns("uv.lock", ".venv")
    )
    pin(app.directory)
    app.lock()
    image = f"example-{example.name}"
    previous = "" if example is EXAMPLES[0] else f"example-{EXAMPLES[0].name}"
    return Built(example, app, image, bench.build(app, image, previous=previous))


def test_it_answers_over_http(bench: Workbench, built: Built, measured: Callable[[str], None]) -> None:
    with bench.serving(built.image) as address:
        answer = httpx.get(address)
    assert answer.status_code == 200
    assert built.example.answer in answer.text
    seconds = sum(built.result.durations.values())
    measured(
        f"{bench.platform.name}: {built.example.name} built from nothing in {seconds:.1f} s: {answer.text.strip()}"
    )


def test_everything_is_loaded_from_bytecode_of_the_layers(
    bench: Workbench, built: Built, measured: Callable[[str], None]
) -> None:
    example = built.example
    programs = " ".join(example.programs)
    seen = bench.python(built.image, INSPECT, programs, example.absent, f"{example.imports} json email.message")
    assert seen["not unchecked"] == []
    assert seen["executable"] == "venv/bin/python"
    assert seen["base prefix"] == "python"
    assert seen["programs"] == example.programs
    assert seen["found"] == []
    outside = [path for path in seen["modules from elsewhere"] if "/workspace/" not in path]
    assert outside == []
    measured(f"{bench.platform.name}: {example.name}: {seen['count']} modules, each from an unchecked pyc")


def test_modules_of_the_app_are_loaded_from_bytecode_of_their_source(
    bench: Workbench, built: Built, measured: Callable[[str], None]
) -> None:
    seen = bench.python(built.image, INSPECT, "", "", built.example.imports)
    assert seen["app"] > 0
    assert seen["not checked"] == []
    measured(f"{bench.platform.name}: {built.example.name}: {seen['app']} modules of the app, each from a checked pyc")


def test_there_is_no_uv(bench: Workbench, built: Built) -> None:
    search = 'find "${VIRTUAL_ENV%/*}"/* -name uv -o -name uvx -o -name "uv-*"'
    assert bench.run(built.image, "sh", "-c", search) == ""
    if bench.in_containers:
        assert bench.run(built.image, "sh", "-c", "command -v uv; command -v uvx; true") == ""


def test_a_second_build_gives_the_same_image(bench: Workbench, built: Built, measured: Callable[[str], None]) -> None:
    dead = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    second = bench.build(built.app, built.image, env=dead)
    assert second.digest == built.result.digest
    assert commands(second.log) == []
    assert set(layer_states(second).values()) == {"reused"}
    measured(f"{bench.platform.name}: {built.example.name} built again in {sum(second.durations.values()):.2f} s")


@pytest.mark.platforms(CONTAINERS)
def test_another_umask_gives_the_same_layers(bench: Workbench, built: Built) -> None:
    image = f"{built.image}-umask"
    previous = "" if built.example is EXAMPLES[0] else BASE
    again = bench.changed(umask=0o077).build(built.app, image, previous=previous)
    assert diff_ids(again) == diff_ids(built.result)


@pytest.mark.platforms(CONTAINERS)
@pytest.mark.usefixtures("bench")
def test_it_runs_as_anybody_on_a_read_only_root_without_network(built: Built) -> None:
    rules = ["--rm", "--read-only", "--user", "4711", "--network", "none", "--entrypoint", "launcher"]

    def run(*argv: str) -> str:
        words = ["docker", "run", *rules, tag(built.image), *argv]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    seen = json.loads(run("python", "-c", INSPECT, " ".join(built.example.programs), "", built.example.imports))
    assert seen["not unchecked"] == []
    assert seen["programs"] == built.example.programs
    assert run("sh", "-c", "touch /workspace/x 2>/dev/null || id -u").strip() == "4711"
