"""Random packages for the build backends that projects use, with what each backend can put into a wheel.

Their names have capitals, dots and dashes: each backend writes them in its own way, and some write them in several.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

_PROGRAM = "#!/usr/bin/env python\nprint('a program')\n"
_PYTHON_PROGRAM = "#!python\nprint('a program of the environment')\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package: its files, relative to its directory."""

    name: str
    backend: str
    files: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class _Draft:
    """What a backend adds its own to."""

    random: Random
    name: str
    module: str
    source: str
    """The directory that the modules are in, empty or with a `/` at its end."""
    project: list[str]
    tables: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def chance(self, of: float = 0.5) -> bool:
        return self.random.random() < of


def package(random: Random, backend: str, number: int) -> Package:
    """Make a package for a backend."""
    name = random.choice(("plain{}", "with-dash-{}", "Upper_Case.{}", "dotted.name{}")).format(number)
    module = name.lower().replace("-", "_").replace(".", "_")
    source = "src/" if backend in _ONLY_SRC or random.random() < 0.6 else ""
    project = [f'name = "{name}"', 'requires-python = ">=3.9"']
    draft = _Draft(random=random, name=name, module=module, source=source, project=project)
    _common(draft)
    BACKENDS[backend](draft)
    lines = ["[project]", *draft.project, *draft.tables]
    return Package(name=name, backend=backend, files={"pyproject.toml": "\n".join([*lines, ""]), **draft.files})


def _common(draft: _Draft) -> None:
    place = f"{draft.source}{draft.module}"
    draft.files[f"{place}/__init__.py"] = "__version__ = '1.5'\n\n\ndef main():\n    print('main')\n"
    draft.files["README.md"] = "# A package\n"
    for path in ("part.py", "deep/__init__.py", "deep/node_modules/x.js", "template.html", "müsli.txt", "py.typed"):
        if draft.chance():
            draft.files[f"{place}/{path}"] = f"'{path}'\n" if path.endswith(".py") else path
    if draft.chance():
        draft.files["LICENSE"] = "Do what you like.\n"
    if draft.chance():
        draft.project.append('readme = "README.md"')
        draft.project.append('description = "With „quotes“"')
    if draft.chance():
        draft.tables += ["[project.scripts]", f'{draft.module}-run = "{draft.module}:main"']
    if draft.chance(0.3):
        draft.tables += ["[project.gui-scripts]", f'{draft.module}-window = "{draft.module}:main"']
    if draft.chance(0.3):
        draft.tables += ['[project.entry-points."some.plugins"]', f'first = "{draft.module}:main"']


def _system(draft: _Draft, requires: str, backend: str) -> None:
    draft.tables += ["[build-system]", f"requires = [{json.dumps(requires)}]", f'build-backend = "{backend}"']


def _version(draft: _Draft, dynamic: str) -> None:
    """A version that is written down, or one that the backend reads from the package."""
    if draft.chance():
        draft.project.append('version = "1.5"')
    else:
        draft.project.append('dynamic = ["version"]')
        draft.tables += dynamic.format(init=f"{draft.source}{draft.module}/__init__.py", module=draft.module).split(
            "\n"
        )


def _data(draft: _Draft) -> str:
    """Write a data file and return its path; no two packages may have the same one, of which uv takes either."""
    path = f"assets/etc/{draft.module}.ini"
    draft.files[path] = f"of = {draft.name}\n"
    return path


def _setuptools(draft: _Draft) -> None:
    _system(draft, "setuptools>=64", "setuptools.build_meta")
    _version(draft, '[tool.setuptools.dynamic]\nversion = {{ attr = "{module}.__version__" }}')
    find = f'where = ["{draft.source or "."}"]\ninclude = ["{draft.module}*"]'
    draft.tables += [
        "[tool.setuptools.packages.find]",
        *find.split("\n"),
        "[tool.setuptools.package-data]",
        '"*" = ["*"]',
    ]
    if draft.chance():
        draft.tables += ["[tool.setuptools.data-files]", f'"etc" = ["{_data(draft)}"]']
    if draft.chance(0.3):
        draft.files["setup.py"] = f"from setuptools import setup\nsetup(scripts=['programs/{draft.module}-old'])\n"
        draft.files[f"programs/{draft.module}-old"] = _PROGRAM


def _hatchling(draft: _Draft) -> None:
    _system(draft, "hatchling", "hatchling.build")
    _version(draft, '[tool.hatch.version]\npath = "{init}"')
    draft.tables += ["[tool.hatch.build.targets.wheel]", f'packages = ["{draft.source}{draft.module}"]']
    if draft.chance():
        path = _data(draft)
        draft.tables += ["[tool.hatch.build.targets.wheel.shared-data]", f'"{path}" = "etc/{draft.module}.ini"']
    if draft.chance(0.3):
        draft.files[f"programs/{draft.module}-old"] = _PYTHON_PROGRAM
        draft.tables += ["[tool.hatch.build.targets.wheel.shared-scripts]", '"programs" = "."']
    if draft.chance(0.3):
        draft.files["elsewhere/extra.txt"] = "forced\n"
        target = f"{draft.module}/extra.txt"
        draft.tables += ["[tool.hatch.build.targets.wheel.force-include]", f'"elsewhere/extra.txt" = "{target}"']


def _flit(draft: _Draft) -> None:
    _system(draft, "flit_core>=3.9", "flit_core.buildapi")
    draft.project.append('dynamic = ["version"]')
    if "description" not in " ".join(draft.project):
        draft.project.append('description = "Short"')
    draft.tables += ["[tool.flit.module]", f'name = "{draft.module}"']
    if draft.chance():
        draft.files[f"data/etc/{draft.module}/settings.ini"] = f"of = {draft.name}\n"
        draft.tables += ["[tool.flit.external-data]", 'directory = "data"']


def _pdm(draft: _Draft) -> None:
    _system(draft, "pdm-backend", "pdm.backend")
    _version(draft, '[tool.pdm.version]\nsource = "file"\npath = "{init}"')
    if draft.chance():
        data = f'data = [{{ path = "{_data(draft)}", relative-to = "assets" }}]'
        draft.tables += ["[tool.pdm.build.wheel-data]", data]


def _poetry(draft: _Draft) -> None:
    _system(draft, "poetry-core>=2", "poetry.core.masonry.api")
    draft.project.append('version = "1.5"')
    where = f', from = "{draft.source.rstrip("/")}"' if draft.source else ""
    draft.tables += ["[tool.poetry]", f'packages = [{{ include = "{draft.module}"{where} }}]']
    if draft.chance(0.3):
        draft.files[f"programs/{draft.module}-old"] = _PROGRAM
        script = f'{{ reference = "programs/{draft.module}-old", type = "file" }}'
        draft.tables += ["[tool.poetry.scripts]", f"{draft.module}-old = {script}"]


def _uv(draft: _Draft) -> None:
    _system(draft, "uv_build", "uv_build")
    draft.project.append('version = "1.5"')
    draft.tables += ["[tool.uv.build-backend]", f'module-name = "{draft.module}"']
    if not draft.source:
        draft.tables.append('module-root = ""')
    if draft.chance():
        _data(draft)
        draft.tables.append('data = { data = "assets" }')


def _maturin(draft: _Draft) -> None:
    # It refuses a package with scripts that has a program as well.
    scripts = ("[project.scripts]", "[project.gui-scripts]", f"{draft.module}-run", f"{draft.module}-window")
    draft.tables = [line for line in draft.tables if not line.startswith(scripts)]
    _system(draft, "maturin>=1.7", "maturin")
    draft.project.append('version = "1.5"')
    draft.tables += ["[tool.maturin]", f'python-source = "{draft.source}"', f'module-name = "{draft.module}"']
    draft.tables.append('bindings = "bin"')
    manifest = f'[package]\nname = "{draft.module}"\nversion = "1.5.0"\nedition = "2021"\n'
    draft.files["Cargo.toml"] = f'{manifest}[[bin]]\nname = "{draft.module}-bin"\npath = "rust/main.rs"\n'
    draft.files["rust/main.rs"] = "fn main() {}\n"


def _meson(draft: _Draft) -> None:
    _system(draft, "meson-python", "mesonpy")
    draft.project.append('version = "1.5"')
    names = [path for path in draft.files if path.startswith(f"{draft.source}{draft.module}/") and path.endswith(".py")]
    installed = "".join(
        f"python.install_sources({path!r}, subdir: {path.removeprefix(draft.source).rpartition('/')[0]!r})\n"
        for path in names
    )
    extension = f"python.extension_module('_native', 'native.c', install: true, subdir: {draft.module!r})\n"
    head = f"project({draft.module!r}, 'c', version: '1.5')\npython = import('python').find_installation(pure: false)\n"
    draft.files["meson.build"] = head + installed + extension
    draft.files["native.c"] = _NATIVE


def _scikit_build(draft: _Draft) -> None:
    _system(draft, "scikit-build-core", "scikit_build_core.build")
    draft.project.append('version = "1.5"')
    draft.tables += ["[tool.scikit-build]", f'wheel.packages = ["{draft.source}{draft.module}"]']
    draft.files["CMakeLists.txt"] = (
        f"cmake_minimum_required(VERSION 3.15)\nproject({draft.module} C)\n"
        "find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n"
        "python_add_library(_native MODULE native.c WITH_SOABI)\n"
        f"install(TARGETS _native DESTINATION {draft.module})\n"
    )
    draft.files["native.c"] = _NATIVE


_NATIVE = """#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", 0, -1, 0};
PyMODINIT_FUNC PyInit__native(void) { return PyModule_Create(&definition); }
"""
_ONLY_SRC = frozenset({"maturin"})
BACKENDS: Mapping[str, Callable[[_Draft], None]] = {
    "setuptools": _setuptools,
    "hatchling": _hatchling,
    "flit-core": _flit,
    "pdm-backend": _pdm,
    "poetry-core": _poetry,
    "uv-build": _uv,
    "maturin": _maturin,
    "meson-python": _meson,
    "scikit-build-core": _scikit_build,
}
