"""Zip archives that Python imports from: equal contents give equal bytes."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EPOCH = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3


def write_zip(target: Path, contents: Mapping[str, bytes]) -> None:
    """Write `contents` by name, stored: the layer is compressed as a whole, and an import must not wait for zlib."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            member = zipfile.ZipInfo(name, _EPOCH)
            member.external_attr = _REGULAR_FILE
            member.create_system = _UNIX
            archive.writestr(member, contents[name])
