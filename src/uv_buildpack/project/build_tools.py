"""What packages are built with, as far as the app directory has it or settings choose it: their build requirements.

No lock has these. uv resolves them whenever it builds a package: from indexes, from directories of files, and from
`[tool.uv.sources]`. What an index offers on another day is not told here: builds from source are kept in spite of it.
https://docs.astral.sh/uv/concepts/projects/dependencies/#dependency-sources
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from uv_buildpack import masking
from uv_buildpack.project import build_reach, build_settings, requirements, tree
from uv_buildpack.project.files import read_members, read_pyproject

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from uv_buildpack.project.files import Project, Pyproject

_SETTINGS = frozenset(
    {
        "exclude-newer",
        "exclude-newer-package",
        "extra-index-url",
        "find-links",
        "index",
        "index-strategy",
        "index-url",
        "no-index",
        "no-sources",
        "no-sources-package",
    }
)
"""Those by which uv chooses among what there is (`BuildContext` in crates/uv-dispatch/src/lib.rs, uv 0.13.9)."""
_FIND_LINKS = "UV_FIND_LINKS"
_VARIABLES = frozenset(
    {
        "UV_DEFAULT_INDEX",
        "UV_EXTRA_INDEX_URL",
        "UV_INDEX",
        "UV_INDEX_STRATEGY",
        "UV_INDEX_URL",
        "UV_NO_INDEX",
        _FIND_LINKS,
    }
)
CARRIED = frozenset({"uv-build"})
"""Backends that are a part of uv."""
_WITHOUT_TABLE = ("setuptools>=40.8.0",)
"""What a source without `[build-system]` needs: uv 0.12.5, `DEFAULT_BACKEND` in
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-build-frontend/src/lib.rs"""

_Needs = tuple["Pyproject", "list[str]"]
"""A file, and requirements to which its sources apply."""


def needed(pyproject: Pyproject | None) -> bool:
    """Return whether anything is installed to build a package; `None` is a package of `setup.py` alone."""
    return pyproject is None or any(requirements.name_of(text) not in CARRIED for text in requires(pyproject.document))


def requires(document: Mapping[str, object]) -> list[str]:
    """Return what building a package with this `pyproject.toml` requires."""
    table = document.get("build-system")
    texts = table.get("requires") if isinstance(table, dict) else None
    return _texts(texts) if isinstance(texts, list) else [*_WITHOUT_TABLE]


def of_all(
    project: Project, environment: Mapping[str, str], places: Iterable[Path], user_file: Path | None = None
) -> str:
    """Return a digest of what all packages are built with: settings, files in directories, `extra-build-dependencies`.

    `places` are the directories of `BP_UV_FIND_LINKS`. Raises `Problem`, `OSError`.
    """
    settings = build_settings.everything(project, user_file)
    directories = {*places, *_directories(project, settings, environment)}
    document = {
        "settings": {name: settings[name] for name in _SETTINGS if name in settings},
        "variables": {name: environment[name] for name in _VARIABLES if name in environment},
        "files": {project.shown(place): _digest_of_files(place) for place in directories if _is_inside(project, place)},
        "sources": _digests(project, [(project.root, _extra_requirements(settings))]),
    }
    return _short(document) if any(document.values()) else ""


def of_package(project: Project, pyproject: Pyproject | None) -> str:
    """Return a digest of the build requirements of a local package that are in the app directory themselves.

    Raises `Problem`, `OSError`.
    """
    digests = _digests(project, [(pyproject, requires(pyproject.document))]) if pyproject is not None else {}
    return _short(digests) if digests else ""


def _short(document: object) -> str:
    return hashlib.sha256(masking.json_text(document).encode()).hexdigest()[:16]


def _extra_requirements(settings: Mapping[str, Any]) -> list[str]:
    table = settings.get("extra-build-dependencies")
    lists = [entries for entries in table.values() if isinstance(entries, list)] if isinstance(table, dict) else []
    found = (entry.get("requirement") if isinstance(entry, dict) else entry for entries in lists for entry in entries)
    return [text for text in found if isinstance(text, str)]


def _directories(project: Project, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Path]:
    """Return the directories that settings and variables name, wherever they are."""
    texts = _texts(settings.get("find-links"))
    texts += [str(table.get("url")) for table in _tables(settings.get("index"))]
    texts += [text.strip() for text in environment.get(_FIND_LINKS, "").split(",")]
    for text in texts:
        if text.startswith("file:"):
            yield Path(unquote(urlsplit(text).path))
        elif text and "://" not in text:
            yield Path(os.path.normpath(project.root.directory / text))


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _tables(value: object) -> list[dict[str, Any]]:
    return [table for table in (value if isinstance(value, list) else [value]) if isinstance(table, dict)]


def _is_inside(project: Project, place: Path) -> bool:
    return "\0" not in str(place) and place.is_relative_to(project.app_dir) and place.exists()


def _digest_of_files(place: Path) -> str:
    # Links lead to files elsewhere, which uv installs.
    return tree.digest_of(place, (), [f"{path.name} {_digest_of_file(path)}" for path in sorted(place.iterdir())])


def _digest_of_file(path: Path) -> str:
    return tree.file_digest(path) if path.is_file() else ""


def _digests(project: Project, queue: list[_Needs]) -> dict[str, str]:
    """Return the digest of each place to which sources of the requirements lead, and so on from there."""
    found: dict[str, str] = {}
    while queue:
        pyproject, texts = queue.pop()
        for place in _sources(project, pyproject, {requirements.name_of(text) for text in texts}):
            shown = project.shown(place)
            if shown in found or not _is_inside(project, place):
                continue
            if place.is_file():
                found[shown] = tree.file_digest(place)
                continue
            path = place / "pyproject.toml"
            own = read_pyproject(project.app_dir, path) if path.is_file() else None
            found[shown] = tree.digest(project.app_dir if build_reach.leads_out(place, own) else place)
            if own is not None:
                queue.append((own, [*requires(own.document), *_texts(own.project.get("dependencies"))]))
    return found


def _sources(project: Project, pyproject: Pyproject, names: set[str | None]) -> Iterator[Path]:
    """Return the places to which the sources of a file, and those of the workspace, lead for these names."""
    for file in (project.root, pyproject):
        sources = file.uv.get("sources")
        for name, value in sources.items() if isinstance(sources, dict) else ():
            normalised = requirements.name_of(name)
            for table in _tables(value) if normalised in names else ():
                if isinstance(path := table.get("path"), str):
                    yield Path(os.path.normpath(file.directory / path))
                elif table.get("workspace") is True:
                    yield from _member(project, normalised)


def _member(project: Project, name: str | None) -> Sequence[Path]:
    return [member.directory for member in (project.root, *read_members(project)) if member.name == name]
