"""Detection: is there a project, or a script, with its lock? It parses nothing that build parses, and imports little.

What is wrong in the files is build's to say.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from cnb.plan import BuildPlan, Require
from cnb.run import NotDetected

if TYPE_CHECKING:
    from pathlib import Path

    from cnb.detection import DetectContext

PROVIDED = ("python", "uv", "venv")
PLAN = BuildPlan(provides=PROVIDED, requires=tuple(Require(name) for name in PROVIDED))
# By its text: a parser of TOML is more than all the rest that detection imports.
_UV_TABLE = re.compile(rb"^[ \t]*\[{1,2}[ \t]*tool[ \t]*\.[ \t]*[\"']?uv[\"']?[ \t]*[.\]]", re.MULTILINE)


def detect(context: DetectContext) -> BuildPlan | NotDetected:
    """Pass for a project with its `uv.lock` (here or in a root above), a `pylock.toml`, or a script with its lock."""
    project_dir = context.environment.get("BP_UV_PROJECT_DIR", "").strip() or "."
    try:
        return _detect(context, project_dir)
    except (OSError, ValueError, RuntimeError) as error:
        # A name that is too long, a directory that nobody may enter, a link to itself.
        return NotDetected(f"BP_UV_PROJECT_DIR={project_dir[:80]!r} cannot be read: {error}.")


def _detect(context: DetectContext, project_dir: str) -> BuildPlan | NotDetected:
    directory = (context.app_dir / project_dir).resolve()
    app_dir = context.app_dir.resolve()
    if not directory.is_relative_to(app_dir):
        return NotDetected(f"BP_UV_PROJECT_DIR={project_dir} is outside the app directory.")
    where = "" if directory == app_dir else f" in {directory.relative_to(app_dir)}"
    script = context.environment.get("BP_UV_SCRIPT", "").strip()
    refused = _why_no_script(directory, app_dir, script) if script else _why_no_project(directory, app_dir, where)
    return NotDetected(refused) if refused else PLAN


def _why_no_script(directory: Path, app_dir: Path, name: str) -> str:
    """Return why a chosen script cannot be built; empty if it can."""
    script = (directory / name).resolve()
    if not script.is_relative_to(app_dir):
        return f"BP_UV_SCRIPT={name} is outside the app directory."
    if not script.is_file():
        return f"BP_UV_SCRIPT={name}: there is no such file."
    if not script.with_name(f"{script.name}.lock").is_file():
        return f"BP_UV_SCRIPT={name}: {name}.lock is missing: run `uv lock --script {name}` and commit it."
    return ""


def _why_no_project(directory: Path, app_dir: Path, where: str) -> str:
    """Return why a directory has nothing to build; empty if it has. Raises `OSError` if that cannot be found out."""
    pyproject = directory / "pyproject.toml"
    with suppress(FileNotFoundError, NotADirectoryError):
        # Since CPython 3.14 `is_file` says no whatever keeps it from looking.
        # https://docs.python.org/3/library/pathlib.html#pathlib.Path.is_file
        pyproject.stat()
    if _has_lock(directory, app_dir) if pyproject.is_file() else _has_locked_script(directory):
        return ""
    if (directory / "pylock.toml").is_file():
        return ""
    if not pyproject.is_file():
        return f"No pyproject.toml{where}: not a uv project."
    if _has_locked_script(directory):
        return f"No uv.lock{where}, but a script with its lock: set BP_UV_SCRIPT to the name of the script."
    if _configures_uv(pyproject):
        return f"pyproject.toml{where} configures uv, but uv.lock is missing: run `uv lock` and commit it."
    return f"No uv.lock{where}: not a uv project. If it is in a workspace root above, make that the app directory."


def _has_locked_script(directory: Path) -> bool:
    """Return whether `uv lock --script` has made a lock for a script here."""
    return directory.is_dir() and any(path.with_suffix("").is_file() for path in directory.glob("*.py.lock"))


def _configures_uv(pyproject: Path) -> bool:
    try:
        return _UV_TABLE.search(pyproject.read_bytes()) is not None
    except OSError:
        return False


def _has_lock(directory: Path, app_dir: Path) -> bool:
    candidates = [directory, *directory.parents]
    within = candidates[: candidates.index(app_dir) + 1]
    return any((path / "uv.lock").is_file() and (path / "pyproject.toml").is_file() for path in within)
