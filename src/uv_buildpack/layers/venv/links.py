"""Links from the environment to data files and scripts of local packages, which lie in `venv-project`.

Programs look for them below `sys.prefix`, in `sysconfig`'s paths and beside `sys.executable`, where `uv sync` puts them.
The uppermost directory that the environment lacks is linked as a whole: a change in it does not touch this layer.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cnb.documents import DocumentError, json_table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FIELD = "local_files"
"""The field of the metadata: of `venv-project` its files outside site-packages, of `venv` the links to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What an environment has of local packages. Paths are relative to both layers."""

    files: tuple[str, ...]
    """What was asked for."""
    links: tuple[str, ...]
    """What leads there; a file that the environment has itself gets none."""

    def text(self) -> str:
        """Write it as metadata has it."""
        return json.dumps(asdict(self), separators=(",", ":"))


NONE = Links(files=(), links=())


def outside(directory: Path, site_packages: Path) -> tuple[str, ...]:
    """Return the files of an installation that are not in site-packages, sorted."""
    found = (Path(parent, name) for parent, _, names in os.walk(directory) for name in names)
    return tuple(sorted(str(path.relative_to(directory)) for path in found if not path.is_relative_to(site_packages)))


def read(metadata: Mapping[str, object]) -> Links | None:
    """Read what the metadata of a layer has; `None` if that cannot be read."""
    try:
        table = json_table(str(metadata.get(FIELD, NONE.text())), FIELD)
        return Links(files=table.texts("files"), links=table.texts("links"))
    except DocumentError:
        return None


def differences(known: Links | None, files: Collection[str]) -> tuple[str, ...]:
    """Return which links an environment lacks for these files, or has too many; lines for the log."""
    if known is None:
        return ("its links to local packages cannot be read",)
    # A link to a directory leads to what is new in it as well.
    new = [path for path in sorted(set(files).difference(known.files)) if _covering(path, known.links) is None]
    needed = {_covering(path, known.links) for path in files}
    gone = [link for link in known.links if link not in needed]
    return (*(f"{path} of a local package is new" for path in new), *(f"{link} is no longer there" for link in gone))


def put(environment: Path, project_layer: Path, files: Iterable[str]) -> Links:
    """Make the links that an environment without any needs for these files. Raises `OSError`."""
    links: list[str] = []
    for file in sorted(files):
        place = next((path for path in _prefixes(file) if not os.path.lexists(environment / path)), None)
        if place is not None and _covering(file, links) is None:
            (environment / place).symlink_to(project_layer / place)
            links.append(place)
    return Links(files=tuple(sorted(files)), links=tuple(links))


def _prefixes(file: str) -> list[str]:
    """Return a path and those of the directories above it, the uppermost first."""
    path = PurePosixPath(file)
    return [str(each) for each in (*reversed(path.parents), path) if str(each) != "."]


def _covering(file: str, links: Iterable[str]) -> str | None:
    prefixes = set(_prefixes(file))
    return next((link for link in links if link in prefixes), None)
