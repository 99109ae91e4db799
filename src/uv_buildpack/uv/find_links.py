"""The directories of `BP_UV_FIND_LINKS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uv_buildpack.errors import Collector, FindLinksMissing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cnb.bindings import Binding


def directories(names: Iterable[str], app_dir: Path, bindings: Iterable[Binding]) -> tuple[Path, ...]:
    """Return the directories of `BP_UV_FIND_LINKS`: in the app, absolute (a mounted volume), or the name of a binding.

    Raises `Problems` with each `FindLinksMissing`.
    """
    bound = {binding.name: path.parent for binding in bindings for path in binding.entries.values()}
    found: list[Path] = []
    collector = Collector()
    for name in names:
        with collector.collecting():
            place = app_dir / name
            if not place.is_dir():
                place = bound.get(name, place)
            if not place.is_dir():
                raise FindLinksMissing(name, sorted(bound))
            found.append(place)
    collector.raise_if_any()
    return tuple(found)
