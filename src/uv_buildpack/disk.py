"""What the system refuses (a full disk, a file that may not be used) or the platform gets wrong, said in words."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cnb.documents import DocumentError
from cnb.toml import TOMLError
from uv_buildpack.errors import DiskFull, FileRefused, InputInvalid, OutOfMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

_PERMISSION = "Let the build's user read the app (chmod a+rX), and write to the layers and the cache."
_ADVICE = {
    errno.EACCES: _PERMISSION,
    errno.EPERM: _PERMISSION,
    errno.EROFS: "Mount it so that the build can write to it.",
    errno.ENAMETOOLONG: "Shorten the name.",
    errno.ELOOP: "Remove the link that leads to itself.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f).",
    errno.EMFILE: "Raise the limit on open files (ulimit -n).",
    errno.ENFILE: "Raise the limit on open files of the machine.",
    errno.EAGAIN: "Raise the limit on processes (ulimit -u).",
    errno.ENOEXEC: "Use a build for this machine: this program does not run here.",
    errno.EIO: "Check the disk, or the mounted volume.",
}
"""Errors whose cause is outside of this program; any other may well be a mistake in it."""


def is_full(error: OSError) -> bool:
    """Return whether an error is lack of space or quota."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def full_is_said(doing: str) -> Iterator[None]:
    """Raise `DiskFull` where the block fails for lack of space or quota; `doing` says at what.

    A limit on the size of files gets the same as its place: the system names no file when it refuses to write to one.
    """
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(doing[:1].upper() + doing[1:], [str(error)]) from error
        if error.errno == errno.EFBIG and error.filename is None:
            error.filename = f"a file ({doing})"
        raise


@contextmanager
def refusals_are_said() -> Iterator[None]:
    """Raise a `Problem` where a file, memory or space that the block needs is refused, or an input cannot be read."""
    try:
        with full_is_said("the build"):
            yield
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise OutOfMemory from error
        if error.errno not in _ADVICE:
            raise
        place = error.filename if isinstance(error.filename, str) else "a file"
        raise FileRefused(place, f"{error.strerror}.", _ADVICE[error.errno]) from error
    except MemoryError as error:
        raise OutOfMemory from error
    except (DocumentError, TOMLError) as error:
        raise InputInvalid(str(error)) from error
