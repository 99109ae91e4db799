"""The one home of TOML: reading with tomli, writing with tomli-w."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class TOMLError(ValueError):
    """A document is not TOML 1.0; the message names the file (if there is one), line and column."""


def loads(text: str) -> dict[str, Any]:
    """Parse a document. Raises `TOMLError`."""
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise TOMLError(str(error)) from error
    except RecursionError:
        message = "tables or arrays are nested too deeply"
        raise TOMLError(message) from None
    except ValueError as error:
        # Not by tomli, but by what it calls: an integer of more than 4300 digits, a date in the year 0.
        # https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation
        message = f"a number or a date cannot be read ({error})"
        raise TOMLError(message) from None


def load(path: Path) -> dict[str, Any]:
    """Parse the file at `path`, which must be UTF-8. Raises `TOMLError` (naming `path`) and `OSError`."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 (byte {error.start})"
        raise TOMLError(message) from error
    except TOMLError as error:
        message = f"{path}: {error}"
        raise TOMLError(message) from error


def dumps(document: Mapping[str, Any]) -> str:
    """Write a document as TOML 1.0, which is what the lifecycle's parser reads."""
    # Imported here: detection of a project that is not ours writes no TOML.
    import tomli_w  # noqa: PLC0415

    return tomli_w.dumps(document)


def dump(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document to `path`. Raises `OSError`."""
    path.write_text(dumps(document), encoding="utf-8")
