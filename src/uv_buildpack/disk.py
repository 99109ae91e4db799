"""Full disks, said in words wherever something large is written."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from uv_buildpack.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_full(error: OSError) -> bool:
    """Tell whether an error is lack of space or quota."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def full_is_said(doing: str) -> Iterator[None]:
    """Raise `DiskFull` where the block fails for lack of space or quota; `doing` says at what."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise DiskFull(doing[:1].upper() + doing[1:], [str(error)]) from error
        raise
