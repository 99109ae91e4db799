"""Why a layer cannot be taken from the previous image as it is: one function, over the key of any layer.

A key is a frozen dataclass of strings, which becomes the layer's metadata. It is compared field by field; each field is
declared with `part`, which says how a difference is worded. Anybody may have written stored metadata: what cannot be
read counts as unknown.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from cnb.documents import DocumentError, json_table
from cnb.layer import SBOMFormat

if TYPE_CHECKING:
    from cnb.context import BuildContext

Words = Callable[[str, object, str], Iterable[str]]
"""Words a difference: the field's name, what is stored, and what is there now → lines for the log."""

_SHOWN = 12
_WORDS = "words"


class Key(Protocol):
    """A dataclass whose fields are strings, each declared with `part`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


_Key = TypeVar("_Key", bound=Key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted(Generic[_Key]):
    """A layer as this build wants it, and why it is rebuilt: lines for the log, none where it is reused."""

    name: str
    key: _Key
    reasons: tuple[str, ...]
    borrowers: tuple[str, ...] = ()
    """What needs it on the disk during this build, also where it is reused: in words for the log."""

    @property
    def on_disk(self) -> bool:
        """Whether it is there during this build."""
        return bool(self.reasons or self.borrowers)

    @property
    def metadata(self) -> dict[str, str]:
        """The key as the layer's metadata has it."""
        return asdict(self.key)


def part(words: Words | None = None) -> Any:  # noqa: ANN401 (as `dataclasses.field` does)
    """Declare a field of a key, with the function that words a difference."""
    return field(metadata=told(words or values))


def told(words: Words) -> dict[str, Words]:
    """Return the metadata of a field whose differences this function words."""
    return {_WORDS: words}


def wanted(context: BuildContext, name: str, key: _Key, *, on_disk: bool, more: Iterable[str] = ()) -> Wanted[_Key]:
    """Compare a key with the one that the previous image's layer has.

    `on_disk`: a later buildpack asks for the layer, which therefore has to be made. `more` are differences that are not
    in the key.
    """
    return Wanted(name=name, key=key, reasons=_reasons(context, name, key, on_disk=on_disk, more=more))


def _reasons(context: BuildContext, name: str, key: Key, *, on_disk: bool, more: Iterable[str]) -> tuple[str, ...]:
    restored = context.restored.get(name)
    if restored is None:
        return ("not known from a previous image",)
    # Metadata tells nothing of a directory that somebody else made.
    if restored.directory is not None:
        return ("its directory already exists, although platforms never restore it: its contents are unknown",)
    lines = [*differences(restored.metadata, key), *more]
    if lines:
        return tuple(lines)
    if restored.metadata.get("sbom") != sbom_digest(restored.sboms):
        return ("its SBOM files are missing or were changed",)
    return ("a later buildpack asks for it",) if on_disk else ()


def differences(old: Mapping[str, object], new: Key) -> list[str]:
    """Return what differs between stored metadata and a key, in words that a person can act on."""
    lines: list[str] = []
    for each in fields(new):
        before, now = old.get(each.name), getattr(new, each.name)
        if before != now:
            words: Words = each.metadata[_WORDS]
            # A text that says the same in another way is another key nevertheless.
            lines += tuple(words(each.name, before, now)) or (f"{_spoken(each.name)} changed",)
    return lines


def sbom_digest(sboms: Mapping[SBOMFormat, bytes]) -> str:
    """Return the digest of a layer's SBOM files, which its metadata holds: without them a layer is not reused."""
    total = hashlib.sha256()
    for kind in SBOMFormat:
        total.update(sboms.get(kind, b"") + b"\0")
    return total.hexdigest()


def values(name: str, old: object, new: str) -> list[str]:
    """Word a difference of plain values."""
    return [f"{_spoken(name)}: {old or 'unknown'} → {new}"]


def third_party(_: str, old: object, new: str) -> list[str]:
    """Word a difference between two tables of packages (JSON: name → `selection.identity`), by package."""
    before, after = ({name: str(identity) for name, identity in _table(text).items()} for text in (old, new))
    lines = [
        *(f"{name} {_version(before[name])} → {_version(after[name])}{_why(before[name], after[name])}"
          for name in sorted(set(before) & set(after)) if before[name] != after[name]),
        *(f"{name} {_version(after[name])} added" for name in sorted(set(after) - set(before))),
        *(f"{name} {_version(before[name])} removed" for name in sorted(set(before) - set(after))),
    ]  # fmt: skip
    more = len(lines) - _SHOWN
    return lines if more <= 1 else [*lines[:_SHOWN], f"and {more} more packages"]


def local(_: str, old: object, new: str) -> list[str]:
    """Word a difference between two tables of local packages (JSON: name → how it is installed, and from what)."""
    before, after = _table(old), _table(new)
    both = sorted(set(before) & set(after))
    return [
        *(f"{name}{_how(before[name], after[name])}" for name in both if before[name] != after[name]),
        *(f"{name} added" for name in sorted(set(after) - set(before))),
        *(f"{name} removed" for name in sorted(set(before) - set(after))),
    ]


def variables(_: str, old: object, new: str) -> list[str]:
    """Word a difference between two tables of variables and settings, by name: their values may be secrets."""
    before, after = _table(old), _table(new)
    both = sorted(set(before) & set(after))
    return [
        *(f"build backends: {name} changed" for name in both if before[name] != after[name]),
        *(f"build backends: {name} is now set" for name in sorted(set(after) - set(before))),
        *(f"build backends: {name} is no longer set" for name in sorted(set(before) - set(after))),
    ]


def _spoken(field_name: str) -> str:
    return field_name.replace("_", " ")


def _table(text: object) -> dict[str, Any]:
    """Read a table of a stored key; what cannot be read is empty."""
    try:
        return dict(json_table(text, "key").values) if isinstance(text, str) else {}
    except DocumentError:
        return {}


def _version(identity: str) -> str:
    return identity.partition(" ")[0]


def _why(old: str, new: str) -> str:
    if _version(old) != _version(new):
        return ""
    before, after = old.split(), new.split()
    if before[:3] == after[:3]:
        return " (built with other packages)"
    return " (source changed)" if before[1:2] != after[1:2] else " (files changed)"


def _how(old: object, new: object) -> str:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return " changed"
    parts = []
    if old.get("path") != new.get("path"):
        parts.append(f" {old.get('path')} → {new.get('path')}")
    if old.get("editable") != new.get("editable"):
        parts.append(" is now installed in place" if new.get("editable") else " is now installed as a copy")
    if old.get("against") != new.get("against"):
        parts.append(" is now built with other packages")
    return ",".join(parts) or " changed"
