"""Files that several distributions have: uv removes them with the first of these, and calls the rest whole.

Wheels with an old-style namespace package all carry its `__init__.py` (`nvidia/__init__.py` of the CUDA 12 packages).
Upgrading or removing one of them takes it from the others.
uv 0.12.5 and 0.13.9: https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-install-wheel/src/uninstall.rs
and https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-installer/src/satisfies.rs
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.installed.distributions import is_below_link
from uv_buildpack.installed.heavy.records import records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from uv_buildpack.installed.distributions import SitePackages


class SharedFile(NamedTuple):
    """A file to put back. `path` is relative to site-packages."""

    path: str
    content: bytes
    mode: int


def keep_shared(site_packages: SitePackages, changing: Collection[str]) -> tuple[SharedFile, ...]:
    """Keep, before a sync, what distributions that will change share with others. Raises `OSError`."""
    here = records(site_packages)
    theirs = {path for record in here if record.name in changing for path in record.files}
    others = {path for record in here if record.name not in changing for path in record.files}
    top = site_packages.path
    paths = (path for path in sorted(theirs & others) if _is_own_file(top, path))
    return tuple(SharedFile(path, (top / path).read_bytes(), (top / path).stat().st_mode & 0o777) for path in paths)


def put_back(site_packages: SitePackages, kept: Iterable[SharedFile]) -> None:
    """Put back, after a sync, what is missing of the kept files and still belongs to something. Raises `OSError`."""
    recorded = {path for record in records(site_packages) for path in record.files}
    for file in kept:
        place = site_packages.path / file.path
        if file.path in recorded and not place.exists() and not is_below_link(site_packages.path, file.path):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.content)
            place.chmod(file.mode)


def _is_own_file(site_packages: Path, path: str) -> bool:
    """Return whether a file is in site-packages itself, not behind a link."""
    return (site_packages / path).is_file() and not is_below_link(site_packages, path)
