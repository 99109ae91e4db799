"""Settings of uv that decide how packages are built from source, or that they are: they change what is installed.

uv takes them from `uv.toml` beside the workspace root's `pyproject.toml`, else from `[tool.uv]`, from the user's own
`uv.toml` (here: in a binding), and from variables.
Which file counts: https://docs.astral.sh/uv/concepts/configuration-files/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from cnb import toml
from cnb.documents import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from uv_buildpack.project.files import Project

SOURCE_ONLY = ("UV_NO_BINARY", "UV_NO_BINARY_PACKAGE")
"""Variables that have packages built though there are wheels."""

_NAMES = frozenset(
    {
        "build-constraint-dependencies",
        "config-settings",
        "config-settings-package",
        "extra-build-dependencies",
        "extra-build-variables",
        "no-binary",
        "no-binary-package",
        "no-build-isolation",
        "no-build-isolation-package",
    }
)


def of_project(project: Project, user_file: Path | None = None) -> dict[str, Any]:
    """Give the settings that reach builds: the project's beat those in the user's `uv.toml`. Raises `OSError`."""
    settings = {**(_load(user_file) if user_file else {}), **_settings(project)}
    return {name: value for name, value in settings.items() if name in _NAMES}


def source_only(
    environment: Mapping[str, str], project: Project, user_file: Path | None = None
) -> Callable[[str], bool]:
    """Give a function that tells whether a package (normalised name) is built though it has a wheel."""
    everything, some = (environment.get(name, "") for name in SOURCE_ONLY)
    settings = of_project(project, user_file)
    if everything.lower() in {"1", "true", "yes", "on"} or settings.get("no-binary") is True:
        return lambda _: True
    listed = Table(settings, "uv.toml").texts("no-binary-package")
    names = {canonicalize_name(name) for name in (*some.split(), *listed)}
    return lambda name: name in names


def _settings(project: Project) -> Mapping[str, Any]:
    path = project.root.directory / "uv.toml"
    return _load(path) if path.is_file() else project.root.uv


def _load(path: Path) -> Mapping[str, Any]:
    try:
        return toml.load(path)
    except toml.TOMLError:
        return {}  # uv says what is wrong with it, in its own words
