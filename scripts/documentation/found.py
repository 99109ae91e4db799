"""The recipes of this repository: each YAML, TOML and JSON file or code block that a reader may copy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML, YAMLError

from cnb import toml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = re.compile(r"^ *```(yaml|toml|json)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# The first line of a block names the file that it belongs to, where its language does not say that.
_NAME = re.compile(r"(?:#|//) ([\w./-]+)")
_LANGUAGES = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}
_LEFT_OUT = {"uv.lock", "ruff.toml"}
_DEFAULT_NAMES = {"toml": "pyproject.toml", "json": "catalogue.json", "yaml": ""}


class Unreadable(Exception):
    """A recipe is not of the language that it says."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A text, where it stands, the language it is in, and the name of the file that a reader makes of it."""

    place: str
    language: str
    name: str
    text: str

    def documents(self) -> list[Any]:
        """Return what it says. Raises Unreadable."""
        try:
            if self.language == "yaml":
                return list(YAML(typ="safe", pure=True).load_all(StringIO(self.text)))
            return [toml.loads(self.text) if self.language == "toml" else json.loads(self.text)]
        except (YAMLError, toml.TOMLError, ValueError) as error:
            raise Unreadable(str(error)) from error


def recipes(repository: Path) -> list[Recipe]:
    """Return all of them, those of files first."""
    return [*_files(repository), *_blocks(repository)]


def _files(repository: Path) -> Iterator[Recipe]:
    folders = (repository / name for name in (".github", "docs", "examples"))
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix in _LANGUAGES)
    for path in [*paths, repository / "buildpack.toml"]:
        if path.name not in _LEFT_OUT and ".venv" not in path.parts:
            place = path.relative_to(repository).as_posix()
            name = place if place.startswith(".github/") else path.name
            yield Recipe(place, _LANGUAGES[path.suffix], name, path.read_text(encoding="utf-8"))


def _blocks(repository: Path) -> Iterator[Recipe]:
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    for page in [*pages, *sorted((repository / "examples").glob("*/README.md"))]:
        text = page.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 2
            language, block = match.groups()
            named = _NAME.match(block)
            place = f"{page.relative_to(repository).as_posix()}:{line}"
            yield Recipe(place, language, named.group(1) if named else _DEFAULT_NAMES[language], block)
