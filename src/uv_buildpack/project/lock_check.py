"""The lock gate: nothing is installed unless `uv.lock` fits the `pyproject.toml` files.

The first step compares files, before anything is downloaded. The second asks uv, before the first sync.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from uv_buildpack import log, specifiers
from uv_buildpack.errors import LockfileOutdated
from uv_buildpack.project import tree
from uv_buildpack.project.files import workspace_members
from uv_buildpack.project.lockfile import read_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.lockfile import Lock, LockedPackage
    from uv_buildpack.uv.running import Uv

_UPDATE = re.compile(r"^(Update|Add|Remove)(?:d|ed)?\s+(\S+)\s*(.*)$", re.MULTILINE)


def declared_differences(lock: Lock, pyprojects: Mapping[str, Pyproject]) -> list[str]:
    """Compare what each local package declares with what the lock says it declared; one line for each difference.

    `pyprojects` maps names of local packages to their files. A package is skipped where the lock has no
    `[package.metadata]` (newer revisions may omit it) or where its dependencies are dynamic. Only names, extras and
    version specifiers are compared: markers and sources have more than one spelling, and uv compares those.
    """
    lines: list[str] = []
    for package in lock.packages:
        pyproject = pyprojects.get(package.name)
        if package.local and package.metadata is not None and pyproject is not None:
            lines.extend(f"{pyproject.shown}: {line}" for line in _package_differences(package, pyproject))
    return lines


def member_differences(lock: Lock, project: Project, names: Mapping[Path, str]) -> list[str]:
    """Compare the members in the workspace's directories (`names`: directory → name) with those in the lock."""
    if not isinstance(project.root.uv.get("workspace"), dict):
        return []
    present = {names[path] for path in workspace_members(project.root) if path in names}
    if project.root.name is not None:
        present.add(project.root.name)
    locked = set(lock.members)
    return [
        *(f"{project.root.shown}: the workspace member {name} is not in uv.lock" for name in sorted(present - locked)),
        *(
            f"{project.root.shown}: uv.lock has the member {name}, the workspace has not"
            for name in sorted(locked - present)
        ),
    ]


def check_with_uv(
    check: Callable[[], str | None],
    uv: Uv,
    project: Project,
    scratch: Path,
    installed: Callable[[Lock], Mapping[str, str]],
) -> None:
    """Let uv check the lock. Raises `LockfileOutdated` with what differs, or what made the check itself fail.

    `check` gives, or waits for, the answer of `Uv.check_lock`. A difference that cannot change what is installed (a
    local package's own version, respelled markers, an older format) is a warning. `installed` gives name → version and
    source of what a lock installs in this build; `scratch` is an existing directory.
    """
    log.command(["uv", "lock", "--check"])
    if check() is None:
        log.step("uv.lock fits pyproject.toml")
        return
    # uv does not say what differs, so a copy of the app is locked anew, and both locks are compared.
    copy = tree.copy(project.app_dir, scratch / "gate")
    root = copy / project.root.directory.relative_to(project.app_dir)
    said = [" ".join(part for part in match if part) for match in _UPDATE.findall(uv.relock(root))]
    before, after = read_lock(project.lock_path, "uv.lock"), read_lock(root / "uv.lock", "uv.lock")
    local = {package.name for package in before.packages if package.local}
    serious = [line for line in said if not (line.startswith("Update") and canonicalize_name(line.split()[1]) in local)]
    serious = serious or _changes(installed(before), installed(after))
    if serious:
        raise LockfileOutdated(serious)
    log.warning(
        "uv.lock does not fit pyproject.toml to the letter, but what is installed is the same.",
        *said,
        "Run `uv lock` and commit uv.lock.",
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        *(f"{name} {after[name]} is missing in uv.lock" for name in sorted(set(after) - set(before))),
        *(f"{name} {before[name]} is needed no longer" for name in sorted(set(before) - set(after))),
        *(
            f"{name} {before[name]} becomes {after[name]}"
            for name in sorted(set(before) & set(after))
            if before[name] != after[name]
        ),
    ]


def own_interpreter_fits(project: Project) -> bool:
    """Tell whether uv may check the lock with the buildpack's own interpreter, when no other is on the disk."""
    required = (project.pyproject.requires_python, project.root.requires_python)
    version = ".".join(str(part) for part in sys.version_info[:3])
    return all(specifiers.read(text).contains(version) for text in required if text)


def direct_dependencies(pyproject: Pyproject, extras: Iterable[str], groups: Iterable[str]) -> set[str]:
    """Give the normalised names that a project depends on directly, with the chosen extras and groups."""
    optional = pyproject.table("project", "optional-dependencies")
    wanted = set(extras)
    chosen = [key for key in optional if canonicalize_name(key) in wanted]
    texts = [*pyproject.project.get("dependencies", ()), *(text for key in chosen for text in optional[key])]
    found = {name for text in texts for name, _ in _requirement(text)}
    declared = _groups(pyproject)
    return found.union(*(({name for name, _ in declared.get(group, set())}) for group in groups))


def dependencies_elsewhere(pyproject: Pyproject, extras: Iterable[str], groups: Iterable[str]) -> dict[str, str]:
    """Return the dependencies in extras and groups that were not chosen: normalised name → the setting for them."""
    found: dict[str, str] = {}
    chosen = {canonicalize_name(name) for name in (*extras, *groups)}
    for key, texts in pyproject.table("project", "optional-dependencies").items():
        if canonicalize_name(key) not in chosen:
            names = (name for text in texts for name, _ in _requirement(text))
            found.update(dict.fromkeys(names, f"BP_UV_EXTRAS={key}"))
    for group, requirements in _groups(pyproject).items():
        if group not in chosen:
            found.update({name: f"BP_UV_GROUPS={group}" for name, _ in requirements})
    return found


def _package_differences(package: LockedPackage, pyproject: Pyproject) -> Iterator[str]:
    metadata = package.metadata or {}
    dynamic = pyproject.project.get("dynamic", ())
    # Without a [project] table a build backend says what the package needs (setup.py, [tool.poetry]).
    if pyproject.project and "dependencies" not in dynamic and "optional-dependencies" not in dynamic:
        yield from _compared(_declared(pyproject), _locked(metadata.get("requires-dist", ())), "")
    groups, locked_groups = _groups(pyproject), metadata.get("requires-dev", {})
    for name in sorted({*groups, *locked_groups}):
        yield from _compared(groups.get(name, set()), _locked(locked_groups.get(name, ())), f" in group {name}")


def _compared(declared: set[_Requirement], locked: set[_Requirement], where: str) -> Iterator[str]:
    missing = declared - locked
    # Of a requirement with a source (git, path, url) the lock does not keep the specifier; a source with a marker is
    # there beside the requirement itself.
    names = {name for name, _ in declared}
    by_name = {name: text for name, text in locked - declared if text != _ANY_SOURCE or name not in names}
    sourced = {name for name, text in locked if text == _ANY_SOURCE}
    for name, text in sorted(missing):
        other = by_name.pop(name, None)
        if other is not None:
            yield f"{name}{text}{where} is {name}{other} in uv.lock"
        elif name not in sourced:
            yield f"{name}{text}{where} is not in uv.lock"
    for name, text in sorted(by_name.items()):
        yield f"{name}{'' if text == _ANY_SOURCE else text}{where} is only in uv.lock"


_Requirement = tuple[str, str]
_ANY_SOURCE = "@"


def _declared(pyproject: Pyproject) -> set[_Requirement]:
    project = pyproject.project
    texts = list(project.get("dependencies", ()))
    for entries in project.get("optional-dependencies", {}).values():
        texts.extend(entries)
    return {requirement for text in texts for requirement in _requirement(text)}


def _groups(pyproject: Pyproject) -> dict[str, set[_Requirement]]:
    table = pyproject.table("dependency-groups")
    groups: dict[str, set[_Requirement]] = {canonicalize_name(name): set(_group(name, table, ())) for name in table}
    legacy = pyproject.uv.get("dev-dependencies", ())
    if legacy:
        groups.setdefault("dev", set()).update(found for text in legacy for found in _requirement(text))
    return groups


def _group(name: str, table: Mapping[str, Any], within: tuple[str, ...]) -> Iterator[_Requirement]:
    spelled = {canonicalize_name(key): key for key in table}
    for entry in table.get(spelled.get(canonicalize_name(name), name), ()):
        if isinstance(entry, str):
            yield from _requirement(entry)
        elif isinstance(entry, dict) and isinstance(entry.get("include-group"), str) and name not in within:
            yield from _group(entry["include-group"], table, (*within, name))


def _requirement(text: object) -> Iterator[_Requirement]:
    try:
        requirement = Requirement(str(text))
    except InvalidRequirement:
        return  # uv says what is wrong with it, in its own words
    text = _ANY_SOURCE if requirement.url else _spelled(requirement.specifier, requirement.extras)
    yield canonicalize_name(requirement.name), text


def _locked(entries: Iterable[Mapping[str, Any]]) -> set[_Requirement]:
    return {
        (
            canonicalize_name(entry["name"]),
            _ANY_SOURCE
            if any(key in entry for key in ("git", "url", "path", "directory", "editable", "virtual"))
            else _spelled(SpecifierSet(entry.get("specifier", "")), entry.get("extras", ())),
        )
        for entry in entries
    }


def _spelled(specifier: SpecifierSet, extras: Iterable[str]) -> str:
    named = ",".join(sorted(canonicalize_name(extra) for extra in extras))
    return (f"[{named}]" if named else "") + ",".join(sorted(_spelled_part(part) for part in specifier))


def _spelled_part(part: Specifier) -> str:
    try:
        return f"{part.operator}{Version(part.version)}"
    except ValueError:  # ==1.*, or ===anything, or a number of thousands of digits
        return str(part)
