"""Zstandard: from the standard library where it has it, else from the backport that the package carries.

https://peps.python.org/pep-0784/
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def opened(raw: IO[bytes], *, level: int | None = None) -> Iterator[IO[bytes]]:
    """Decompress what is read from `raw`; with a `level`, compress what is written to it.

    Raises `ValueError` where the data is damaged, `OSError`.
    """
    try:
        from compression import zstd  # noqa: PLC0415 (CPython 3.14 and newer; most builds need neither)
    except ModuleNotFoundError:
        from backports import zstd  # noqa: PLC0415
    try:
        with zstd.ZstdFile(raw) if level is None else zstd.ZstdFile(raw, "wb", level=level) as stream:
            yield cast("IO[bytes]", stream)
    except (zstd.ZstdError, EOFError) as error:
        raise ValueError(str(error)) from error
