"""What a project declares that it needs, and what its lock says it declared: names, extras and version specifiers.

Dependency groups and what they include: https://peps.python.org/pep-0735/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Parsed
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from uv_buildpack.project.files import Pyproject

Requirement = tuple[str, str]
"""A normalised name, and extras and specifier in one spelling, or `ANY_SOURCE`."""
ANY_SOURCE = "@"
"""Stands for a requirement with a source (git, path, url), of which the lock keeps no specifier."""


def name_of(text: str) -> str | None:
    """Return the normalised name in a requirement; `None` for what is none."""
    try:
        return canonicalize_name(Parsed(text).name)
    except InvalidRequirement:
        return None


def direct_dependencies(pyproject: Pyproject, extras: Iterable[str], groups: Iterable[str]) -> set[str]:
    """Return the normalised names that a project depends on directly, with the chosen extras and groups."""
    optional = _optional(pyproject)
    texts = [*pyproject.project.get("dependencies", ()), *_texts_of(optional, extras, pyproject.name)]
    found = {name for text in texts for name, _ in _requirement(text)}
    in_groups = declared_in_groups(pyproject)
    return found.union(*({name for name, _ in in_groups.get(group, set())} for group in groups))


def dependencies_elsewhere(pyproject: Pyproject, extras: Iterable[str], groups: Iterable[str]) -> dict[str, str]:
    """Return the dependencies in extras and groups that were not chosen: normalised name → the setting for them."""
    found: dict[str, str] = {}
    chosen = {canonicalize_name(name) for name in (*extras, *groups)}
    for key, texts in pyproject.table("project", "optional-dependencies").items():
        if canonicalize_name(key) not in chosen:
            names = (name for text in texts for name, _ in _requirement(text))
            found.update(dict.fromkeys(names, f"BP_UV_EXTRAS={key}"))
    for group, requirements in declared_in_groups(pyproject).items():
        if group not in chosen:
            found.update({name: f"BP_UV_GROUPS={group}" for name, _ in requirements})
    return found


def declared(pyproject: Pyproject) -> set[Requirement]:
    """Return what `[project]` declares, its extras included.

    An extra that asks for others of its own project (`shop[web,worker]`) declares what they declare: that is what uv
    writes into the lock.
    """
    texts = list(pyproject.project.get("dependencies", ()))
    for entries in _optional(pyproject).values():
        texts.extend(entries)
    found = {requirement for text in texts for requirement in _requirement(text)}
    return {(name, text) for name, text in found if name != pyproject.name}


def _optional(pyproject: Pyproject) -> dict[str, list[str]]:
    """Return the requirements of each extra, by its normalised name."""
    optional = pyproject.table("project", "optional-dependencies")
    return {canonicalize_name(key): optional[key] for key in optional}


def _texts_of(optional: Mapping[str, list[str]], extras: Iterable[str], own_name: str | None) -> Iterator[str]:
    """Return the requirements of extras, and of those of the same project that they ask for."""
    waiting, seen = list(extras), set[str]()
    while waiting:
        extra = waiting.pop()
        if extra in seen:
            continue
        seen.add(extra)
        for text in optional.get(extra, ()):
            yield text
            waiting += _own_extras(text, own_name)


def _own_extras(text: str, own_name: str | None) -> list[str]:
    requirement = _parsed(text)
    if requirement is None or canonicalize_name(requirement.name) != own_name:
        return []
    return [canonicalize_name(extra) for extra in requirement.extras]


def declared_in_groups(pyproject: Pyproject) -> dict[str, set[Requirement]]:
    """Return what dependency groups declare, uv's older `dev-dependencies` included: normalised name → requirements."""
    table = pyproject.table("dependency-groups")
    declared: dict[str, _Entries] = {canonicalize_name(name): _entries(table[name]) for name in table}
    groups = _with_included(declared)
    legacy = pyproject.uv.get("dev-dependencies", ())
    if legacy:
        groups.setdefault("dev", set()).update(found for text in legacy for found in _requirement(text))
    return groups


_Entries = tuple[list[Requirement], list[str]]


def _entries(entries: Iterable[object]) -> _Entries:
    """Read the entries of a group: what it requires itself, and the groups that it includes."""
    required = [found for entry in entries if isinstance(entry, str) for found in _requirement(entry)]
    included = [
        str(entry["include-group"]) for entry in entries if isinstance(entry, dict) and "include-group" in entry
    ]
    return required, [canonicalize_name(name) for name in included]


def _with_included(declared: Mapping[str, _Entries]) -> dict[str, set[Requirement]]:
    """Return what each group requires with the groups that it includes, whoever includes whom."""
    found: dict[str, set[Requirement]] = {}
    for root in declared:
        # The last that is reached first: then what a group includes is known when its turn comes, except in circles.
        for name in reversed(_reached(root, declared, found)):
            reached = _reached(name, declared, found)
            own = {requirement for other in reached for requirement in declared.get(other, ([], []))[0]}
            known = {other for one in reached for other in declared.get(one, ([], []))[1] if other in found}
            found[name] = own.union(*(found[other] for other in known))
    return {name: found[name] for name in declared}


def _reached(root: str, declared: Mapping[str, _Entries], known: Container[str]) -> list[str]:
    """Return the groups that are reached from one, itself the first, as far as they are not `known`."""
    reached = {} if root in known else {root: None}
    waiting = list(reached)
    while waiting:
        for other in declared.get(waiting.pop(), ([], []))[1]:
            if other not in known and other not in reached:
                reached[other] = None
                waiting.append(other)
    return list(reached)


def _requirement(text: object) -> Iterator[Requirement]:
    requirement = _parsed(text)
    if requirement is not None:
        spelled = ANY_SOURCE if requirement.url else _spelled(requirement.specifier, requirement.extras)
        yield canonicalize_name(requirement.name), spelled


def _parsed(text: object) -> Parsed | None:
    """Return a requirement, or nothing where it is none: uv says what is wrong with it, in its own words."""
    try:
        return Parsed(str(text))
    except InvalidRequirement:
        return None


def locked(entries: Iterable[Mapping[str, Any]], own_name: str | None = None) -> set[Requirement]:
    """Return what entries of `requires-dist` or `requires-dev` in the lock's `[package.metadata]` declare.

    Entries for the package itself (`own_name`) do not count: before extras were resolved uv wrote them there.
    """
    return {
        (
            canonicalize_name(entry["name"]),
            ANY_SOURCE
            if any(key in entry for key in ("git", "url", "path", "directory", "editable", "virtual"))
            else _spelled(SpecifierSet(entry.get("specifier", "")), entry.get("extras", ())),
        )
        for entry in entries
        if canonicalize_name(entry["name"]) != own_name
    }


def _spelled(specifier: SpecifierSet, extras: Iterable[str]) -> str:
    named = ",".join(sorted(canonicalize_name(extra) for extra in extras))
    return (f"[{named}]" if named else "") + ",".join(sorted(_spelled_part(part) for part in specifier))


def _spelled_part(part: Specifier) -> str:
    try:
        return f"{part.operator}{Version(part.version)}"
    except ValueError:  # ==1.*, or ===anything, or a number of thousands of digits
        return str(part)
