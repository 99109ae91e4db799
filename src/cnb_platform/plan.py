"""The build plan: what buildpacks provide and require, and which of them a group keeps."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnb_platform.buildpack import Buildpack, Member
from cnb_platform.errors import ContractBroken

_SECTION = "Build Plan (TOML)"


@dataclass(frozen=True, slots=True)
class Require:
    """One `[[requires]]`."""

    name: str
    metadata: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the entry of a buildpack plan."""
        return {"name": self.name, "metadata": dict(self.metadata)} if self.metadata else {"name": self.name}


@dataclass(frozen=True, slots=True)
class Option:
    """One alternative of a plan."""

    provides: tuple[str, ...] = ()
    requires: tuple[Require, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What one name comes to in a resolved plan: who provides it, in order, and what is asked of it."""

    name: str
    providers: tuple[str, ...]
    requires: tuple[Require, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A group that works, and its plan."""

    group: tuple[Buildpack, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Why a group does not work."""

    reason: str


def read_options(document: Mapping[str, Any], buildpack: Buildpack) -> tuple[Option, ...]:
    """Return the alternatives that bin/detect wrote, the first one first. Raises ContractBroken for another shape."""
    try:
        alternatives = [document, *document.get("or", ())]
        return tuple(_option(alternative) for alternative in alternatives)
    except (KeyError, TypeError, AttributeError) as error:
        problem = f"unexpected shape: {error}"
        raise ContractBroken(buildpack=buildpack.key, section=_SECTION, problem=problem) from error


def _option(table: Mapping[str, Any]) -> Option:
    requires = []
    for entry in table.get("requires", ()):
        if "version" in entry:
            message = "requires.version is gone; use requires.metadata.version"
            raise TypeError(message)
        requires.append(Require(entry["name"], entry.get("metadata", {})))
    return Option(tuple(entry["name"] for entry in table.get("provides", ())), tuple(requires))


@dataclass(slots=True)
class _Name:
    """The bookkeeping for one name while a group is walked in order."""

    providers: list[str] = field(default_factory=list)
    unclaimed: list[Member] = field(default_factory=list)
    requires: list[Require] = field(default_factory=list)
    early: list[Member] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Choice:
    member: Member
    option: Option


def resolve(passed: Sequence[tuple[Member, tuple[Option, ...]]]) -> Resolved | Unresolved:
    """Find the first combination of alternatives in which every require is provided and every provide required.

    Alternatives left to right, the last buildpack's changing fastest; optional buildpacks that do not fit are dropped,
    required ones fail the combination (https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#phase-1-detection).
    """
    reason = "no buildpack passed"
    for options in itertools.product(*(options for _, options in passed)):
        choices = [_Choice(member, option) for (member, _), option in zip(passed, options, strict=True)]
        outcome = _trial(choices)
        if isinstance(outcome, Resolved):
            return outcome
        reason = outcome.reason
    return Unresolved(reason)


def _trial(choices: list[_Choice]) -> Resolved | Unresolved:
    while choices:
        names = _walk(choices)
        misfits = list(_misfits(names))
        if not misfits:
            entries = tuple(Entry(n, tuple(v.providers), tuple(v.requires)) for n, v in names.items() if v.requires)
            return Resolved(tuple(choice.member.buildpack for choice in choices), entries)
        required = [reason for member, reason in misfits if not member.optional]
        if required:
            return Unresolved(required[0])
        dropped = {member.buildpack.id for member, _ in misfits}
        choices = [choice for choice in choices if choice.member.buildpack.id not in dropped]
    return Unresolved("no buildpack of the group is left")


def _walk(choices: Sequence[_Choice]) -> dict[str, _Name]:
    names: dict[str, _Name] = {}
    for choice in choices:
        for provided in choice.option.provides:
            names.setdefault(provided, _Name()).unclaimed.append(choice.member)
        for require in choice.option.requires:
            entry = names.setdefault(require.name, _Name())
            entry.providers += [member.buildpack.id for member in entry.unclaimed]
            entry.unclaimed.clear()
            if entry.providers:
                entry.requires.append(require)
            else:
                entry.early.append(choice.member)
    return names


def _misfits(names: Mapping[str, _Name]) -> Iterator[tuple[Member, str]]:
    for name, entry in names.items():
        for member in entry.early:
            yield member, f"{member.buildpack.key} requires {name}, which neither it nor an earlier buildpack provides"
        for member in entry.unclaimed:
            yield member, f"{member.buildpack.key} provides {name}, which neither it nor a later buildpack requires"
