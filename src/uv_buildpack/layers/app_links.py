"""Files of local packages that the app directory would hide: what only a build makes.

A process starts in the project's directory, which Python searches first. There the source tree of a flat layout is
found before the installed copy, and has no extension module and no version file. So the tree gets links to them, in
each build again: the app directory is never what an earlier build left.
What Python searches first: https://docs.python.org/3/library/sys_path_init.html
"""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from cnb.documents import DocumentError, json_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cnb.context import BuildContext
    from cnb.layer import Layer, ReusedLayer
    from uv_buildpack.installed.distributions import SitePackages

FIELD = "links"
"""The field of the layer's metadata: JSON, path in the app directory → path in the layer."""


def find(layer: Path, installed: SitePackages, sources: Mapping[str, Path], app_dir: Path) -> dict[str, str]:
    """Return the links that copied packages (`sources`: name → directory of the source) need. Raises `OSError`."""
    found: dict[str, str] = {}
    for name, source in sources.items():
        for recorded in _recorded(installed, name):
            hidden = _hidden(recorded, source)
            if hidden is not None:
                place = (source / hidden).relative_to(app_dir).as_posix()
                found[place] = (installed.path / hidden).relative_to(layer).as_posix()
    return found


def text(links: Mapping[str, str]) -> str:
    """Write links as layer metadata has them."""
    return json.dumps(dict(sorted(links.items())), separators=(",", ":"))


def read(metadata: Mapping[str, object]) -> dict[str, str] | None:
    """Read links from layer metadata; `None` if they cannot be read."""
    try:
        links = json_table(str(metadata.get(FIELD, "{}")), FIELD)
        found = {place: links.text(place) for place in links.values}
    except DocumentError:
        return None
    return found if all(_is_inside(path) for link in found.items() for path in link) else None


def _is_inside(path: str) -> bool:
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts and "\0" not in path


def put_all(layers: Iterable[Layer | ReusedLayer], context: BuildContext) -> None:
    """Make the links that layers ask for in their metadata. Raises `OSError`."""
    for layer in layers:
        put(read(layer.metadata) or {}, context.app_dir, context.layers_dir / layer.name)


def put(links: Mapping[str, str], app_dir: Path, layer: Path) -> None:
    """Make the links, where there is nothing yet, inside the app directory only. Raises `OSError`."""
    for place, target in links.items():
        path = app_dir / place
        # Metadata may be anybody's: a link of the app could lead what it names out of the app.
        inside = path.parent.resolve().is_relative_to(app_dir.resolve())
        if inside and path.parent.is_dir() and not os.path.lexists(path):
            path.symlink_to(layer / target)


def _hidden(recorded: PurePosixPath, source: Path) -> PurePosixPath | None:
    """Return the file, or the uppermost directory above it, that a package of the source tree lacks."""
    parts = recorded.parts
    if len(parts) == 1 or not (source / parts[0]).is_dir():
        return None
    for length in range(2, len(parts) + 1):
        path = PurePosixPath(*parts[:length])
        if not os.path.lexists(source / path):
            return path
    return None


def _recorded(installed: SitePackages, name: str) -> Iterator[PurePosixPath]:
    for distribution in installed.named({name}):
        paths = [PurePosixPath(file.path) for file in distribution.files]
        yield from (path for path in paths if path.parts[0] != ".." and "__pycache__" not in path.parts)
