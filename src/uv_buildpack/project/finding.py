"""What is built: a uv project, else what a `pylock.toml` has, else a script; or the script that the user chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uv_buildpack.errors import ProjectDirectoryOutside
from uv_buildpack.project import app_files, scripts
from uv_buildpack.project.files import PYLOCK, Project, Pyproject, locate, read_project, read_pyproject

if TYPE_CHECKING:
    from pathlib import Path


def find_project(app_dir: Path, project_dir: str, script: str) -> Project:
    """Return what is built from `project_dir`, relative to `app_dir`; `script`, if any, is relative to that.

    Raises `Problem`: nothing to build or no lock, a file that cannot be read, a path outside of the app directory.
    """
    directory, lock_dir = locate(app_dir, project_dir)
    if script:
        path = (directory / script).resolve()
        if not path.is_relative_to(app_dir.resolve()):
            raise ProjectDirectoryOutside(script, "BP_UV_SCRIPT")
        return scripts.read_script(app_dir, app_dir / path.relative_to(app_dir.resolve()))
    declared = app_files.is_file(directory / "pyproject.toml")
    if declared and lock_dir is not None:
        return read_project(app_dir, project_dir)
    if app_files.is_file(directory / PYLOCK):
        return _with_pylock(app_dir, directory, declared=declared)
    only = None if declared else scripts.only_script(app_dir, directory)
    return read_project(app_dir, project_dir) if only is None else scripts.read_script(app_dir, only)


def _with_pylock(app_dir: Path, directory: Path, *, declared: bool) -> Project:
    """Return a project with a `pylock.toml`, which may be all there is. Raises `PyprojectInvalid`, `FileOutside`."""
    for name in (PYLOCK, "uv.toml"):
        app_files.check_inside(app_dir, directory / name)
    path = directory / PYLOCK
    pyproject = Pyproject(app_dir=app_dir, path=path, document={})
    if declared:
        pyproject = read_pyproject(app_dir, directory / "pyproject.toml")
    return Project(app_dir=app_dir, pyproject=pyproject, root=pyproject, lock_name=PYLOCK)
