"""Files that several distributions have, with different contents (`tests/__init__.py`, `LICENSE` at the top).

uv installs distributions beside each other, and the last writer wins: another one in each build. Here the distribution
whose name comes last has the file, in every build.
uv writes them in parallel (`install` in uv 0.12.5 and newer):
https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-installer/src/installer.rs
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.installed.distributions import is_below_link

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from uv_buildpack.installed.distributions import SitePackages


class Disputed(NamedTuple):
    """A file, relative to site-packages; the distributions that have it, sorted; the last one's hash, as in RECORD."""

    path: str
    owners: tuple[str, ...]
    hash: str

    @property
    def owner(self) -> str:
        """The distribution whose file counts."""
        return self.owners[-1]


def find(site_packages: SitePackages, also: Collection[str] = ()) -> list[Disputed]:
    """Return the files with several contents, and those of `also` that belong to something. Raises `OSError`.

    Not those behind links: what shares a directory with a heavy package lies in its layer.
    """
    owners: dict[str, dict[str, str]] = {}
    for distribution in site_packages.distributions:
        for file in distribution.files:
            owners.setdefault(file.path, {})[distribution.name] = file.hash
    return [
        Disputed(path=path, owners=tuple(sorted(hashes)), hash=hashes[max(hashes)])
        for path, hashes in sorted(owners.items())
        if (len(set(hashes.values())) > 1 or path in also) and not is_below_link(site_packages.path, path)
    ]


def unsettled(site_packages: Path, disputed: Iterable[Disputed]) -> list[str]:
    """Return the distributions to reinstall, in this order: their files are missing, or overwritten by another's."""
    return sorted({each.owner for each in disputed if each.hash and _hash(site_packages / each.path) != each.hash})


def _hash(path: Path) -> str:
    if not path.is_file():
        return ""
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
