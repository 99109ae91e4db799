"""Command lines: how a module, a file or an application object is named on them."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.facts import HERE
from uv_buildpack.processes.inference.roots import module_name
from uv_buildpack.processes.inference.syntax import Module, has_relative_imports

if TYPE_CHECKING:
    from uv_buildpack.processes.inference.facts import AppFacts
    from uv_buildpack.processes.inference.sources import Sources


def one_line(command: str) -> str:
    """Return a filled template without the gaps of its empty parts."""
    return " ".join(command.split())


def is_importable(app: AppFacts, root: PurePosixPath, module: str) -> bool:
    """Return whether installing the project puts the module on the import path: a package below `src`."""
    return app.packaged and root == PurePosixPath("src") and "." in module


def on_path(app: AppFacts, root: PurePosixPath, module: str) -> str:
    """Return the assignment that puts the directory `root` on the import path, if one is needed."""
    return "" if root == HERE or is_importable(app, root, module) else f"PYTHONPATH={root}"


def quoted(path: PurePosixPath) -> str:
    """Return a path as a word of a command line."""
    return shlex.quote(str(path))


class PythonProgram(NamedTuple):
    """A file of the project as a program for the interpreter.

    As a script, which puts the file's directory on the import path, or as a module (`-m`), which puts the working
    directory there: whatever its imports need.
    """

    path: PurePosixPath
    module: str = ""
    """The name for `-m`; empty for a script."""
    assignment: str = ""
    """What puts another directory on the import path."""

    @property
    def command(self) -> str:
        """The command line."""
        return one_line(f"{self.assignment} python {f'-m {self.module}' if self.module else quoted(self.path)}")

    @property
    def start(self) -> str:
        """The statements that do the same within `python -c`."""
        if self.module:
            return f'runpy.run_module("{self.module}", run_name="__main__", alter_sys=True)'
        directory = "" if self.path.parent == HERE else f'sys.path.insert(0, "{self.path.parent}"); '
        return f'{directory}runpy.run_path("{self.path}", run_name="__main__")'


def python_program(app: AppFacts, sources: Sources, module: Module) -> PythonProgram:
    """Return how a file is run with the interpreter."""
    path = module.path
    root = sources.import_root(path, module)
    if path.name == "__main__.py":
        root = HERE if root is None else root
        package = module_name(path.parent / "__init__.py", root) if path.parent != root else ""
        return PythonProgram(path, package, on_path(app, root, f"{package}.") if package else "")
    if path.parent == HERE or root is None or (root == path.parent and not has_relative_imports(module)):
        return PythonProgram(path)
    name = module_name(path, root)
    return PythonProgram(path, name, on_path(app, root, name))
