"""Reading files of the app: only what is inside the app directory, and what cannot be read is named."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

from uv_buildpack.errors import FileOutside, FileUnreadable

if TYPE_CHECKING:
    from pathlib import Path


def shown(app_dir: Path, path: Path) -> str:
    """Return a path as users know it: relative to the app directory."""
    return path.relative_to(app_dir).as_posix() if path.is_relative_to(app_dir) else str(path)


def check_inside(app_dir: Path, path: Path) -> None:
    """Raise `FileOutside` for a link that leads out of the app directory, `FileUnreadable` for one to itself.

    What is out there may be a secret of the platform (a binding), and messages quote what they cannot read.
    """
    try:
        inside = path.resolve().is_relative_to(app_dir.resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: a link to itself, in Python 3.12 and older
        raise FileUnreadable(shown(app_dir, path), str(error)) from None
    if not inside:
        raise FileOutside(shown(app_dir, path))


def is_file(path: Path) -> bool:
    """Return whether there is a regular file. Raises `OSError` where that cannot be found out.

    Since CPython 3.14 `Path.is_file` says no then (https://docs.python.org/3/library/pathlib.html#pathlib.Path.is_file).
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
            return False
        raise
    except ValueError:  # no file has a NUL in its name
        return False


def read(app_dir: Path, path: Path) -> bytes:
    """Read a regular file of the app. Raises `FileUnreadable`, `FileOutside`."""
    check_inside(app_dir, path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileUnreadable(shown(app_dir, path), "It is not a regular file.")
        return path.read_bytes()
    except OSError as error:
        raise FileUnreadable(shown(app_dir, path), str(error.strerror)) from None
