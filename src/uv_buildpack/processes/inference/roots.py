"""Under which name a source file is imported: which directory has to be on the import path.

Half of the real applications need one that is not where the server is started (`src`, `backend`, …).
"""

from __future__ import annotations

import re
import sys
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from uv_buildpack.processes.inference.syntax import Module, has_relative_imports

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

HERE = PurePosixPath()

# A directory that can stand in a command as it is.
_PLAIN = re.compile(r"[\w./-]+\Z", re.ASCII)


def module_name(path: PurePosixPath, root: PurePosixPath) -> str:
    """Return the dotted name of the file `path` when the directory `root` is on the import path."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def usual_root(project_dir: Path, path: PurePosixPath) -> PurePosixPath:
    """Return the directory that convention puts on the import path: the one that has the outermost package of a file.

    For what lies in no package it is `src`, or the project directory.
    """
    above = list(path.parents)[-2::-1]  # from the top, without the project directory
    outermost = next((directory for directory in above if _is_package(project_dir / directory)), None)
    if outermost is not None:
        return outermost.parent
    return PurePosixPath("src") if above and above[0].name == "src" else HERE


def import_root(
    project_dir: Path, path: PurePosixPath, module: Module, imports: Collection[str]
) -> PurePosixPath | None:
    """Return the directory, relative to the project's, that the module at `path` is imported from.

    `imports` tell, which are names that it or its packages import: the directory under which most of them are found,
    the usual one when they tell nothing. `None`: the file cannot be imported at all.
    """
    usual = usual_root(project_dir, path)

    def weight(root: PurePosixPath) -> tuple[int, bool, int]:
        votes = sum(is_found(project_dir / root, name) for name in imports)
        return (votes, root == usual, -len(root.parts))

    return max(_possible_roots(path, module), key=weight, default=None)


def _possible_roots(path: PurePosixPath, module: Module) -> Iterator[PurePosixPath]:
    """Return the file's ancestors below which its dotted name is made of identifiers."""
    # A package's `__init__`, and what imports relatively, lies at least one directory below the root.
    within_package = path.name == "__init__.py" or has_relative_imports(module)
    for root in list(path.parents)[within_package:]:
        parts = module_name(path, root).split(".")
        # The standard library's module of that name is imported first: no `code.main`, `platform.app`.
        shadowed = parts[0] in sys.stdlib_module_names
        if all(part.isidentifier() for part in parts) and _PLAIN.match(str(root)) and not shadowed:
            yield root


def is_found(directory: Path, name: str) -> bool:
    """Return whether `import name` finds a module or a package with Python files in the directory."""
    if (directory / f"{name}.py").is_file() or _is_package(directory / name):
        return True
    return any(any((directory / name).glob(pattern)) for pattern in ("*.py", "*/*.py"))


def _is_package(directory: Path) -> bool:
    return (directory / "__init__.py").is_file()
