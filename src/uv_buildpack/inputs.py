"""All that the decisions of a build follow from, in one digest: while it is equal, they count, and the lock check too.

A file that somebody reads to decide something and that is not in here makes a hot build wrong.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack import masking
from uv_buildpack.project import build_settings, build_tools, dynamic_metadata, tree
from uv_buildpack.project.files import member_directories, read_pyproject, workspace_members
from uv_buildpack.uv.bindings import config_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cnb.context import BuildContext
    from uv_buildpack.configuration import Configuration
    from uv_buildpack.decisions import Decisions
    from uv_buildpack.project.files import Project


def digest(
    context: BuildContext, project: Project, configuration: Configuration, decided: Decisions, more: Sequence[str]
) -> str:
    """Return the digest. `decided` says which files count, `more` are texts that do. Raises `Problem`, `OSError`."""
    own = {project.root.path} if project.script else set()
    paths = sorted({path for path in _files(project, decided) if path.is_file()} - own)
    document = {
        "files": {project.shown(path): tree.file_digest(path) for path in paths},
        # Of a script only the metadata: an edit of its code changes nothing that is installed.
        "script": project.pyproject.document if project.script else {},
        "metadata": {name: _metadata(project, name) for name in decided.dynamic},
        # One without a pyproject.toml is uv's to refuse.
        "members": [project.shown(path) for path in member_directories(project.root)],
        "settings": configuration.deciding(),
        "user's settings": build_settings.of_project(project, config_file(context.bindings)),
        "variables": [context.environment.get(name) for name in build_settings.VARIABLES],
        "project": project.shown(project.directory),
        "version": context.buildpack.version,
        "more": list(more),
    }
    return hashlib.sha256(masking.json_text(document).encode()).hexdigest()


def digest_beside(root: Path, name: str) -> str:
    """Return the digest of a file relative to the lock; uv names one that is missing. Raises `FileUnreadable`."""
    return tree.file_digest(root / name) if (root / name).is_file() else "missing"


def _files(project: Project, decided: Decisions) -> Iterator[Path]:
    root = project.root.directory
    yield from (project.lock_path, project.root.path, project.pyproject.path, root / "uv.toml")
    yield from (Path(os.path.normpath(root / name)) for name in decided.files)
    yield from (Path(os.path.normpath(root / place)) / "pyproject.toml" for place in decided.places)
    yield from (path / "pyproject.toml" for path in workspace_members(project.root))


def _metadata(project: Project, name: str) -> str:
    place = Path(os.path.normpath(project.root.directory / name))
    path = place / "pyproject.toml"
    pyproject = read_pyproject(project.app_dir, path) if path.is_file() else None
    digest_of_files = dynamic_metadata.digest(place, pyproject, project.app_dir)
    return f"{digest_of_files} {build_tools.of_package(project, pyproject)}"
