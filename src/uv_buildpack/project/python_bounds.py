"""Which Pythons a project admits: what its files say, what uv made of them in the lock, and what groups ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uv_buildpack.project import selection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.lockfile import Lock


def required(
    project: Project, chosen: Iterable[Pyproject], lock: Lock | None, choice: selection.Choice | None
) -> list[tuple[str, str]]:
    """Return each `requires-python` that must hold, with the place it is in.

    `chosen` are the files of chosen members. That of the lock is uv's intersection over all members, and what `uv sync`
    insists on; `lock` and `choice` are `None` where they could not be read.
    """
    files = {file.shown: file for file in (project.root, project.pyproject, *chosen)}
    bounds = [(file.requires_python, shown) for shown, file in sorted(files.items()) if file.requires_python]
    if lock is not None and lock.requires_python:
        bounds.append((lock.requires_python, project.shown(project.lock_path)))
    if lock is not None and choice is not None:
        groups = _of_groups(files.values(), lock, choice)
        bounds += [(text, f"group {name} of [tool.uv.dependency-groups]") for name, text in sorted(groups.items())]
    return bounds


def _of_groups(files: Iterable[Pyproject], lock: Lock, choice: selection.Choice) -> dict[str, str]:
    if lock.revision >= selection.GROUP_PYTHONS_REVISION:
        return selection.group_pythons(lock, choice)
    return {group: text for file in files for group, text in file.group_pythons(choice.groups).items()}
