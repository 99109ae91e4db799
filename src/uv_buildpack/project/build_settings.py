"""Settings of uv that decide how packages are built from source, or that they are: they change what is installed.

uv takes them from `uv.toml` beside the workspace root's `pyproject.toml`, else from `[tool.uv]`, from the user's own
`uv.toml` (here: in a binding), and from variables.
Which file counts: https://docs.astral.sh/uv/concepts/configuration-files/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.utils import canonicalize_name

from cnb import toml
from cnb.documents import Table
from uv_buildpack.project.files import check_uv_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from uv_buildpack.project.files import Project

VARIABLES = ("UV_NO_BINARY", "UV_NO_BINARY_PACKAGE", "UV_NO_BUILD_ISOLATION")
"""Variables that say which packages are built, and in what."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
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
    """Return the settings that reach builds: the project's beat those in the user's `uv.toml`.

    Raises `DocumentError` (of the user's file), `OSError`.
    """
    return {name: value for name, value in everything(project, user_file).items() if name in _NAMES}


def everything(project: Project, user_file: Path | None = None) -> dict[str, Any]:
    """Return all settings of the project, and those of the user's `uv.toml` behind them.

    Raises `DocumentError` (of the user's file), `OSError`.

    uv puts lists one after the other, and tables together (`Combine`, 0.12.5:
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-settings/src/combine.rs).
    """
    settings = dict(_settings(project))
    for name, value in (_of_user(user_file) if user_file else {}).items():
        settings[name] = _combined(settings[name], value) if name in settings else value
    return settings


def _combined(own: object, users: object) -> object:
    if isinstance(own, list) and isinstance(users, list):
        return [*own, *users]
    return {**users, **own} if isinstance(own, dict) and isinstance(users, dict) else own


class Rules(NamedTuple):
    """How packages are built from source, as far as that is not in their own files."""

    source_only: Callable[[str], bool]
    """Whether a package (normalised name) is built though it has a wheel."""
    unisolated: Callable[[str], bool]
    """Whether a package is built in the environment it is installed into, and sees what is in there."""
    against: Mapping[str, tuple[str, ...]]
    """What packages are built with in the very versions that are installed (`match-runtime`): name → names."""


def rules(environment: Mapping[str, str], project: Project, user_file: Path | None = None) -> Rules:
    """Return the rules that variables, the project's settings and the user's `uv.toml` make.

    Raises `DocumentError` (of the user's file), `OSError`.
    """
    settings = of_project(project, user_file)
    table = Table(settings, "uv.toml")
    binary = _chosen(
        everything=_is_on(environment.get("UV_NO_BINARY", "")) or settings.get("no-binary") is True,
        some=[*environment.get("UV_NO_BINARY_PACKAGE", "").split(), *table.texts("no-binary-package")],
    )
    unisolated = _chosen(
        everything=_is_on(environment.get("UV_NO_BUILD_ISOLATION", "")) or settings.get("no-build-isolation") is True,
        some=table.texts("no-build-isolation-package"),
    )
    return Rules(binary, unisolated, _against(settings.get("extra-build-dependencies")))


def _is_on(value: str) -> bool:
    # What clap takes for true, which reads uv's variables (`BoolishValueParser`).
    return value.lower() in {"1", "true", "yes", "on", "t", "y"}


def _chosen(*, everything: bool, some: Iterable[str]) -> Callable[[str], bool]:
    names = {canonicalize_name(name) for name in some}
    return lambda name: everything or name in names


def _against(table: object) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, entries in table.items() if isinstance(table, dict) else ():
        tables = [entry for entry in (entries if isinstance(entries, list) else ()) if isinstance(entry, dict)]
        matched = [str(entry.get("requirement")) for entry in tables if entry.get("match-runtime") is True]
        names = [_NAME.match(requirement) for requirement in matched]
        if any(names):
            found[canonicalize_name(name)] = tuple(sorted({canonicalize_name(each[0]) for each in names if each}))
    return found


def _settings(project: Project) -> Mapping[str, Any]:
    path = project.root.directory / "uv.toml"
    return _load(path) if path.is_file() else project.root.uv


def _of_user(path: Path) -> Mapping[str, Any]:
    document = _load(path)
    # By its whole path: a message is to tell it from the project's file.
    check_uv_settings(Table(document, str(path)))
    return document


def _load(path: Path) -> Mapping[str, Any]:
    try:
        # uv passes over a byte order mark.
        return toml.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, toml.TOMLError):
        return {}  # uv says what is wrong with it, in its own words
