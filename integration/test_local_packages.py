"""Local packages of several build backends: what is installed, and that a build leaves nothing in the app directory."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.workbench import BASE, Workbench, errors, layer_states

if TYPE_CHECKING:
    from integration.package_index import PackageIndex

FILES = "find . -type f ! -path '*/__pycache__/*' | sort"
SETUPTOOLS = """
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "1.0"
requires-python = ">=3.9"
[project.scripts]
{name}-hello = "{name}:hello"
"""
HATCHLING = """
[build-system]
requires = ["hatchling", "hatch-vcs"]
build-backend = "hatchling.build"
[project]
name = "versioned"
dynamic = ["version"]
requires-python = ">=3.9"
[tool.hatch.version]
source = "vcs"
[tool.hatch.build.hooks.vcs]
version-file = "src/versioned/_version.py"
"""
# A backend in the tree that writes what a compiler would: a module that is not in the source.
GENERATING = """
import pathlib, zipfile
def _wheel(directory, files):
    name = "made-1.0-py3-none-any.whl"
    info = "made-1.0.dist-info"
    files |= {{
        f"{{info}}/METADATA": "Metadata-Version: 2.2\\nName: made\\nVersion: 1.0\\n",
        f"{{info}}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }}
    with zipfile.ZipFile(f"{{directory}}/{{name}}", "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{{info}}/RECORD", "".join(f"{{path}},,\\n" for path in [*files, f"{{info}}/RECORD"]))
    return name
def _generate():
    pathlib.Path("src/made/_native.py").write_text("answer = 42\\n")
def build_editable(directory, config_settings=None, metadata_directory=None):
    _generate()
    return _wheel(directory, {{"made.pth": str(pathlib.Path("src").resolve())}})
def build_wheel(directory, config_settings=None, metadata_directory=None):
    _generate()
    return _wheel(directory, {{f"made/{{p.name}}": p.read_text() for p in pathlib.Path("src/made").glob("*.py")}})
"""


@pytest.fixture
def setuptools_app(app: App) -> App:
    """A setuptools project, which leaves egg-info beside its source when it is built."""
    app.write(
        {
            "pyproject.toml": SETUPTOOLS.format(name="legacy"),
            "src/legacy/__init__.py": "def hello():\n    print('hello')\n",
        }
    )
    app.lock()
    return app


def files_of(app: App) -> list[str]:
    """Return the app's files as `FILES` shows them: without bytecode, which the build makes."""
    return sorted(f"./{path.relative_to(app.directory)}" for path in app.directory.rglob("*") if path.is_file())


def test_setuptools_leaves_nothing_in_the_app_directory_and_is_not_run_again(
    bench: Workbench, setuptools_app: App, image: str
) -> None:
    before = files_of(setuptools_app)
    first = bench.build(setuptools_app, image, previous=BASE)
    assert sorted(bench.run(image, "sh", "-c", FILES).split()) == before
    assert bench.run(image, "legacy-hello") == "hello\n"
    assert "/src/legacy/" in bench.run(image, "python", "-c", "import legacy; print(legacy.__file__)")
    second = bench.build(setuptools_app, image)
    assert second.digest == first.digest
    assert set(layer_states(second).values()) == {"reused"}


def test_a_version_from_git_without_git_is_an_error_that_names_the_variable(
    bench: Workbench, app: App, image: str
) -> None:
    app.write({"pyproject.toml": HATCHLING, "src/versioned/__init__.py": ""})
    app.lock(variables={"SETUPTOOLS_SCM_PRETEND_VERSION": "1.2.3"})
    log = bench.failing(app, image, previous=BASE)
    assert len(errors(log)) == 1
    assert "SETUPTOOLS_SCM_PRETEND_VERSION" in log
    version = {"SETUPTOOLS_SCM_PRETEND_VERSION": "1.2.3"}
    bench.build(app, image, previous=BASE, env=version)
    found = "from importlib.metadata import version; import versioned._version; print(version('versioned'))"
    assert bench.run(image, "python", "-c", found) == "1.2.3\n"
    assert files_of(app) == sorted(bench.run(image, "sh", "-c", FILES).split())


def test_what_a_backend_generates_is_installed_and_not_left_in_the_tree(bench: Workbench, app: App, image: str) -> None:
    app.write(
        {
            "pyproject.toml": '[project]\nname = "made"\nversion = "1.0"\nrequires-python = ">=3.9"\n'
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
            "backend.py": GENERATING.replace("{{", "{").replace("}}", "}"),
            "src/made/__init__.py": "from made._native import answer\n",
        }
    )
    app.lock()
    before = files_of(app)
    first = bench.build(app, image, previous=BASE)
    assert "installed as a copy" in first.log
    assert sorted(bench.run(image, "sh", "-c", FILES).split()) == before
    assert bench.python(image, "import json, made; print(json.dumps(made.answer))") == 42
    second = bench.build(app, image)
    assert second.digest == first.digest
    app.write({"src/made/more.py": "x = 1\n"})
    third = bench.build(app, image)
    assert layer_states(third)["venv-project"] == "added"
    assert bench.python(image, "import json, made.more; print(json.dumps(made.more.x))") == 1


def test_a_path_dependency_beside_the_project_is_installed(
    bench: Workbench, app: App, image: str, index: PackageIndex
) -> None:
    more = '[tool.uv.sources]\nlib = { path = "lib" }\n'
    app.write(
        {
            "pyproject.toml": project("owner", ("lib", "alpha"), index=index.address, more=more),
            "lib/pyproject.toml": project("lib", packaged=True),
            "lib/src/lib/__init__.py": "x = 'copied'\n",
            "main.py": "",
        }
    )
    app.lock()
    result = bench.build(app, image, previous=BASE)
    assert layer_states(result) == {"python": "reused", "venv": "added", "venv-project": "added"}
    assert "/venv-project/" in bench.run(image, "python", "-c", "import lib; print(lib.__file__)")


if shutil.which("cc"):
    # The build host has a compiler; the build image of the container cases has none.
    def test_a_c_extension_is_built_and_its_package_copied(bench: Workbench, app: App, image: str) -> None:
        app.write(
            {
                "pyproject.toml": SETUPTOOLS.format(name="speedy"),
                "setup.py": "from setuptools import Extension, setup\n"
                'setup(ext_modules=[Extension("speedy._c", ["src/speedy/c.c"])])\n',
                "src/speedy/__init__.py": "from speedy._c import answer\ndef hello():\n    print(answer())\n",
                "src/speedy/c.c": "#include <Python.h>\n"
                "static PyObject *answer(PyObject *s, PyObject *a) { return PyLong_FromLong(42); }\n"
                'static PyMethodDef m[] = {{"answer", answer, METH_NOARGS, ""}, {NULL}};\n'
                'static struct PyModuleDef d = {PyModuleDef_HEAD_INIT, "_c", "", -1, m};\n'
                "PyMODINIT_FUNC PyInit__c(void) { return PyModule_Create(&d); }\n",
            }
        )
        app.lock()
        before = files_of(app)
        first = bench.build(app, image, previous=BASE)
        assert bench.run(image, "speedy-hello") == "42\n"
        assert sorted(bench.run(image, "sh", "-c", FILES).split()) == before
        assert bench.build(app, image).digest == first.digest
