"""Detection: is there a uv project with its lock? It parses nothing that build would parse again, and imports little.

What is wrong in the files is build's to say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cnb.plan import BuildPlan, Require
from cnb.run import NotDetected

if TYPE_CHECKING:
    from pathlib import Path

    from cnb.detection import DetectContext

PROVIDED = ("python", "uv", "venv")
_UV_TABLE = re.compile(rb"^[ \t]*\[{1,2}[ \t]*tool[ \t]*\.[ \t]*[\"']?uv[\"']?[ \t]*[.\]]", re.MULTILINE)


def detect(context: DetectContext) -> BuildPlan | NotDetected:
    """Pass when the project has `pyproject.toml` and a `uv.lock` belongs to it, here or in a workspace root above."""
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
    pyproject = directory / "pyproject.toml"
    if not pyproject.is_file():
        return NotDetected(f"No pyproject.toml{where}: not a uv project.")
    if not _has_lock(directory, app_dir):
        if _configures_uv(pyproject):
            return NotDetected(
                f"pyproject.toml{where} configures uv, but uv.lock is missing: run `uv lock` and commit it."
            )
        return NotDetected(
            f"No uv.lock{where}: not a uv project. If it is in a workspace root above, make that the app directory."
        )
    return BuildPlan(provides=PROVIDED, requires=tuple(Require(name) for name in PROVIDED))


def _configures_uv(pyproject: Path) -> bool:
    try:
        return _UV_TABLE.search(pyproject.read_bytes()) is not None
    except OSError:
        return False


def _has_lock(directory: Path, app_dir: Path) -> bool:
    candidates = [directory, *directory.parents]
    within = candidates[: candidates.index(app_dir) + 1]
    return any((path / "uv.lock").is_file() and (path / "pyproject.toml").is_file() for path in within)
