"""Today's CPythons, each as the app's: what differs between minors, from a clean build to the start of the image.

They come from Debian's unstable suite, and with it the containers; the package carries the newest of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration import todays
from integration.application import App, project
from integration.machine import offered_versions
from integration.test_campaign import SEED, STEPS
from integration.workbench import Workbench, commands, diff_ids, layer_states

from cnb_platform.platform_embedded import Embedded, tag
from trial import pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from integration.package_index import PackageIndex

    from cnb_platform.result import BuildResult
    from trial.prerequisites import Interpreters

# Tells of each module how it was loaded, after importing what minors differ in.
INSPECT = """
import importlib.util, json, sys, sysconfig
import _ctypes, asyncio, email.message, sqlite3, ssl, unicodedata, zipfile
import beta, speedy, shop
try:
    from compression import zstd
    compressed = zstd.decompress(zstd.compress(b"zstd")).decode()
except ImportError:
    compressed = ""
layers = sys.base_prefix.rpartition("/")[0] + "/"
def flags(module):
    with open(importlib.util.cache_from_source(module.__file__), "rb") as opened:
        head = opened.read(8)
    return int.from_bytes(head[4:], "little") if head[:4] == importlib.util.MAGIC_NUMBER else None
modules = [m for m in list(sys.modules.values()) if (getattr(m, "__file__", None) or "").endswith(".py")]
modules = [m for m in modules if m.__spec__ and m.__spec__.origin != "frozen" and m.__name__ != "__main__"]
print(json.dumps({
    "version": sys.version.split()[0],
    "answer": speedy.answer(),
    "zstd": compressed,
    "modules": len(modules),
    "not from bytecode": [m.__name__ for m in modules if flags(m) != (3 if m is shop else 1)],
    "from elsewhere": [m.__name__ for m in modules if m is not shop and not m.__file__.startswith(layers)],
    "variables of elsewhere": sorted(
        name for name, value in sysconfig.get_config_vars().items()
        if any(word.startswith("/install") for word in str(value).split())
    ),
}))
"""
SPEEDY = {
    "speedy/pyproject.toml": '[project]\nname = "speedy"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
    '[build-system]\nrequires = ["setuptools>=61"]\nbuild-backend = "setuptools.build_meta"\n',
    "speedy/setup.py": "from setuptools import Extension, setup\n"
    'setup(ext_modules=[Extension("speedy._c", ["src/speedy/c.c"])])\n',
    "speedy/src/speedy/__init__.py": "from speedy._c import answer\n",
    "speedy/src/speedy/c.c": "#include <Python.h>\n"
    "static PyObject *answer(PyObject *s, PyObject *a) { return PyLong_FromLong(42); }\n"
    'static PyMethodDef m[] = {{"answer", answer, METH_NOARGS, ""}, {NULL}};\n'
    'static struct PyModuleDef d = {PyModuleDef_HEAD_INIT, "_c", "", -1, m};\n'
    "PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&d); }\n",
}
SERVER = "web: python -c 'import shop; shop.serve()'\n"
SHOP = """
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

def serve():
    HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


@dataclass(frozen=True, slots=True)
class Built:
    """An app that was built with one version of Python."""

    version: str
    app: App
    image: str
    cold: BuildResult

    @property
    def minor(self) -> str:
        """Such as 3.15."""
        return self.version.rpartition(".")[0]

    @property
    def environment(self) -> dict[str, str]:
        """What a build is told."""
        return {"BP_PYTHON_VERSION": self.version}


@pytest.fixture(scope="module")
def machine(public: Path) -> todays.Machine:
    """A machine that has these CPythons."""
    return todays.machine(public / "todays-repository")


@pytest.fixture(scope="module")
def mirror(machine: todays.Machine, public: Path) -> Interpreters:
    """Archives of them."""
    return todays.archives(machine).copied_to(public / "todays-interpreters")


@pytest.fixture(scope="module")
def package(machine: todays.Machine, public: Path) -> Path:
    """The buildpack, packaged with the newest of them."""
    return todays.package(machine, todays.archives(machine), public / "todays-dist")


@pytest.fixture(scope="module")
def today(mirror: Interpreters, package: Path, public: Path) -> Iterator[Workbench]:
    """The embedded platform with containers of that suite."""
    root = public / "todays"
    root.mkdir()
    certificates = [Path(os.environ["SSL_CERT_FILE"])] if "SSL_CERT_FILE" in os.environ else []
    shared = [*certificates, *([mirror.directory] if mirror.directory else [])]
    platform = Embedded(
        root=root,
        container=todays.IMAGE,
        run_image=todays.RUN_IMAGE,
        volumes=tuple(f"{path}:{path}:ro" for path in shared),
        caller={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    variables = mirror.variables(str(mirror.directory)) | {
        name: os.environ[name] for name in ("SSL_CERT_FILE",) if name in os.environ
    }
    bench = Workbench(platform=platform, buildpack=package, variables=variables)
    yield bench
    subprocess.run(["docker", "image", "rm", "--force", *map(tag, set(bench.built))], capture_output=True, check=False)


def offered(mirror: Interpreters) -> list[str]:
    """Return the newest three minors' versions, newest first."""
    return offered_versions(mirror)[:3]


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory, index: PackageIndex) -> App:
    """An app with wheels, a package with C code, and a module of its own."""
    (pinned,) = [line for line in pins.pinned() if line.startswith("setuptools==")]
    wheels_of = tmp_path_factory.mktemp("setuptools")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest"]
    subprocess.run([*fetch, wheels_of, pinned], check=True)
    for path in wheels_of.iterdir():
        index.add(path.name, path.read_bytes())
    app = App(tmp_path_factory.mktemp("today") / "app")
    more = '[tool.uv.sources]\nspeedy = { path = "speedy" }\n'
    pyproject = project("today", ("alpha==1.0", "beta", "speedy"), index=index.address, more=more)
    app.write({"pyproject.toml": pyproject, "shop.py": SHOP, "Procfile": SERVER, **SPEEDY})
    app.lock()
    return app


@pytest.fixture(scope="module")
def built(today: Workbench, mirror: Interpreters, stock: App, tmp_path_factory: pytest.TempPathFactory) -> list[Built]:
    """The app, built from nothing with each of them."""
    found = []
    for version in offered(mirror):
        app = App(tmp_path_factory.mktemp("checkout") / "app")
        shutil.copytree(stock.directory, app.directory)
        image = f"today-{version.replace('.', '-')}"
        found.append(Built(version, app, image, today.build(app, image, env={"BP_PYTHON_VERSION": version})))
    return found


def in_a_locked_container(image: str, *argv: str) -> str:
    """Run a program as anybody, in a container without network that can be written to nowhere."""
    rules = ["--rm", "--read-only", "--user", "4711", "--network", "none", "--entrypoint", "launcher"]
    done = subprocess.run(["docker", "run", *rules, tag(image), *argv], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seconds(result: BuildResult) -> str:
    return f"{sum(result.durations.values()):.2f} s"


def test_every_module_comes_from_valid_bytecode_in_a_container_that_is_read_only(
    built: list[Built], measured: Callable[[str], None]
) -> None:
    for one in built:
        seen = json.loads(in_a_locked_container(one.image, "python", "-c", INSPECT))
        assert seen["version"] == one.version
        assert seen["answer"] == 42
        assert seen["not from bytecode"] == []
        assert seen["from elsewhere"] == []
        assert seen["variables of elsewhere"] == []
        assert seen["zstd"] == ("zstd" if tuple(map(int, one.minor.split("."))) >= (3, 14) else "")
        measured(f"{one.version}: {seen['modules']} modules, each from valid bytecode; cold {seconds(one.cold)}")


def test_the_server_answers(today: Workbench, built: list[Built], measured: Callable[[str], None]) -> None:
    for one in built:
        started = time.monotonic()
        with today.serving(one.image):
            measured(f"{one.version}: answers {time.monotonic() - started:.2f} s after the container was asked for")


def test_a_build_with_nothing_changed_is_hot(
    today: Workbench, built: list[Built], measured: Callable[[str], None]
) -> None:
    for one in built:
        hot = today.build(one.app, one.image, env=one.environment)
        assert hot.digest == one.cold.digest
        assert commands(hot.log) == []
        assert set(layer_states(hot).values()) == {"reused"}
        measured(f"{one.version}: hot {seconds(hot)}")


def test_somebody_elses_build_gives_the_same_bytes(today: Workbench, built: list[Built], tmp_path: Path) -> None:
    for one in built:
        checkout = App(tmp_path / one.version / "elsewhere")
        shutil.copytree(one.app.directory, checkout.directory)
        stranger = today.changed(umask=0o077, caller={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent/somebody"})
        again = stranger.build(checkout, f"{one.image}-again", env=one.environment)
        assert diff_ids(again) == diff_ids(one.cold)


def test_a_changed_source_or_package_gives_the_bytes_of_a_clean_build(
    today: Workbench, built: list[Built], tmp_path: Path, measured: Callable[[str], None]
) -> None:
    for one in built:
        app = App(tmp_path / one.version)
        shutil.copytree(one.app.directory, app.directory)
        app.edit("shop.py", "127.0.0.1", "localhost")
        edited = today.build(app, one.image, env=one.environment)
        assert set(layer_states(edited).values()) == {"reused"}
        assert commands(edited.log) == []
        assert "1 of them new" in edited.log
        is_runtime = (today.buildpack / "runtime" / "lib" / f"python{one.minor}").is_dir()
        assert ("taking compiler from its snapshot" in edited.log) != is_runtime
        app.edit("pyproject.toml", "alpha==1.0", "alpha==1.1")
        app.lock()
        warm = today.build(app, one.image, env=one.environment)
        assert "starting from the snapshot" in warm.log
        clean = today.build(app, f"{one.image}-clean", env=one.environment, previous=f"{one.image}-again")
        assert diff_ids(warm) == diff_ids(clean)
        assert "alpha" in in_a_locked_container(one.image, "python", "-c", "import alpha, shop; print(alpha.__name__)")
        measured(f"{one.version}: edit {seconds(edited)}, one package {seconds(warm)}, clean {seconds(clean)}")


def test_the_campaign_holds_on_these(machine: todays.Machine, package: Path, measured: Callable[[str], None]) -> None:
    said = machine.python(
        "scripts/campaign", "--seed", str(SEED), "--steps", str(STEPS), "--buildpack", str(package), shared=package
    )
    measured(said.strip().splitlines()[-1])
