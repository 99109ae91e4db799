"""Service bindings: directories of files that a platform mounts.

https://servicebinding.io/spec/core/1.1.0/#workload-projection
At build they are below `SERVICE_BINDING_ROOT`, if the platform passed it on, else `<platform>/bindings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnb.documents import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One binding. Contents of its files are secret, and are read only when needed."""

    name: str
    """Its directory's name."""
    type: str
    """In lower case."""
    provider: str | None
    """Who provides the service, in words of its own; `None` where the binding does not say."""
    entries: Mapping[str, Path]
    """Key → file, without `type` and `provider`."""


def read_bindings(root: Path) -> tuple[Binding, ...]:
    """Read the bindings below `root`, sorted by name; a missing root is no bindings.

    Kubernetes mounts hold `..data` links, so entries that begin with a dot are skipped. The former layout
    (`metadata/kind`, `secret/`) is read as well. Types compare without regard to case. Raises `DocumentError` (a type
    that is no text; it names the file and does not quote it), `OSError`.
    """
    if not root.is_dir():
        return ()
    return tuple(_bindings(root))


def _bindings(root: Path) -> Iterator[Binding]:
    for directory in sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")):
        kind = _text(directory / "type") or _text(directory / "metadata" / "kind")
        if kind is None:
            continue
        secrets = directory / "secret" if (directory / "metadata").is_dir() else directory
        yield Binding(
            name=directory.name,
            type=kind.lower(),
            provider=_text(directory / "provider") or _text(directory / "metadata" / "provider"),
            entries={path.name: path for path in _files(secrets) if path.name not in {"type", "provider"}},
        )


def _files(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))


def read_entry(path: Path) -> str:
    """Read an entry of a binding as text. Raises `DocumentError`, which names the file and does not quote it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        message = f"{path}: expected text in UTF-8 (byte {error.start} is not)"
        raise DocumentError(message) from None


def _text(path: Path) -> str | None:
    return read_entry(path) if path.is_file() else None
