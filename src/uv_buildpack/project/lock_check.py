"""The check of the lock: nothing is installed unless `uv.lock` fits the `pyproject.toml` files.

The first step compares files, before anything is downloaded. The second asks uv, before the first sync.
What uv compares (`uv lock --check`, 0.12.5): https://github.com/astral-sh/uv/blob/0.12.5/crates/uv/src/commands/project/lock.rs
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Protocol

from packaging.utils import canonicalize_name

from uv_buildpack import log, specifiers
from uv_buildpack.errors import LockfileOutdated
from uv_buildpack.project import requirements, tree
from uv_buildpack.project.files import workspace_members
from uv_buildpack.project.lockfile import UV_LOCK, read_lock
from uv_buildpack.project.requirements import ANY_SOURCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.lockfile import Lock, LockedPackage
    from uv_buildpack.project.requirements import Requirement


class _Locks(Protocol):
    """What `Uv` can do, which knows projects, and so is not known to them."""

    def relock(self, directory: Path, script: str | None = None) -> str:
        """Lock the project, or the script, in `directory` again and return uv's lines. Raises `Problem`."""


_UPDATE = re.compile(r"^(Update|Add|Remove)(?:d|ed)?\s+(\S+)\s*(.*)$", re.MULTILINE)


def declared_differences(lock: Lock, pyprojects: Mapping[str, Pyproject], lock_name: str = UV_LOCK) -> list[str]:
    """Compare what each local package declares with what the lock says it declared; one line for each difference.

    `pyprojects` maps names of local packages to their files. A package is skipped where the lock has no
    `[package.metadata]` (newer revisions may omit it) or where its dependencies are dynamic. Only names, extras and
    version specifiers are compared: markers and sources have more than one spelling, and uv compares those.
    """
    lines: list[str] = []
    for package in lock.packages:
        pyproject = pyprojects.get(package.name)
        if package.local and package.metadata is not None and pyproject is not None:
            lines.extend(f"{pyproject.shown}: {line}" for line in _package_differences(package, pyproject, lock_name))
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
            f"{project.root.shown}: uv.lock lists the member {name}, which is not in the workspace"
            for name in sorted(locked - present)
        ),
    ]


def check_with_uv(  # noqa: PLR0913 (who asks, about what, and what follows)
    check: Callable[[], str | None],
    uv: _Locks,
    project: Project,
    scratch: Path,
    installed: Callable[[Lock], Mapping[str, str]],
    *,
    dynamic: bool,
) -> None:
    """Let uv check the lock. Raises `LockfileOutdated` with what differs, or what made the check itself fail.

    `check` gives, or waits for, the answer of `Uv.check_lock`. A difference that cannot change what is installed (a
    local package's own version, respelled markers, an older format) is a warning. `installed` gives name → version and
    source of what a lock installs in this build; `scratch` is an existing directory. `dynamic`: backends declare
    dependencies.
    """
    log.command([*project.lock_command.split(), "--check"])
    lock_name = project.lock_name
    fits = f"{lock_name} fits {'the metadata in ' if project.script else ''}{project.root.path.name}"
    if check() is None:
        log.step(fits)
        return
    # uv does not say what differs, so a copy of the app is locked again, and both locks are compared.
    root = _copied(project, scratch)
    said = [" ".join(part for part in match if part) for match in _UPDATE.findall(uv.relock(root, project.script))]
    before, after = read_lock(project.lock_path, lock_name), read_lock(root / lock_name, lock_name)
    if not said and before.digest == after.digest:
        log.step(f"{fits}: uv writes the same file again")
        return
    local = {package.name for package in before.packages if package.local}
    serious = [line for line in said if not (line.startswith("Update") and canonicalize_name(line.split()[1]) in local)]
    serious = serious or _changes(installed(before), installed(after), lock_name)
    if serious:
        # Of what backends declared uv keeps the answer, whatever file other than pyproject.toml, setup.py and setup.cfg
        # changes (https://docs.astral.sh/uv/concepts/cache/#dynamic-metadata): `uv lock` alone would change nothing.
        raise LockfileOutdated(serious, project.script, refresh=dynamic)
    log.warning(
        f"{lock_name} does not fit {project.root.path.name} to the letter, but what is installed is the same.",
        *said,
        f"Run `{project.lock_command}` and commit {lock_name}.",
    )


def _changes(before: Mapping[str, str], after: Mapping[str, str], lock_name: str) -> list[str]:
    return [
        *(f"{name} {after[name]} is missing from {lock_name}" for name in sorted(set(after) - set(before))),
        *(f"{name} {before[name]} is no longer needed" for name in sorted(set(before) - set(after))),
        *(
            f"{name} {before[name]} becomes {after[name]}"
            for name in sorted(set(before) & set(after))
            if before[name] != after[name]
        ),
    ]


def place_to_check(project: Project, scratch: Path, *, dynamic: bool) -> Path:
    """Return the lock's directory, in a copy of the app where a backend may write into the tree (`dynamic`).

    `scratch` is an existing directory. Raises `FileUnreadable`, `OSError`.
    """
    return _copied(project, scratch) if dynamic else project.root.directory


def _copied(project: Project, scratch: Path) -> Path:
    copy = scratch / "lock-check"
    if not copy.exists():
        tree.copy(project.app_dir, copy)
    return copy / project.root.directory.relative_to(project.app_dir)


def own_interpreter_fits(project: Project, locked_python: str) -> bool:
    """Return whether uv may check the lock with the buildpack's own interpreter, when no other is on the disk.

    `locked_python` is the `requires-python` of the lock.
    """
    required = (project.pyproject.requires_python, project.root.requires_python, locked_python)
    version = ".".join(str(part) for part in sys.version_info[:3])
    return all(specifiers.read(text).contains(version) for text in required if text)


def _package_differences(package: LockedPackage, pyproject: Pyproject, lock_name: str) -> Iterator[str]:
    metadata = package.metadata or {}
    dynamic = pyproject.project.get("dynamic", ())
    # Without a [project] table a build backend says what the package needs (setup.py, [tool.poetry]).
    if pyproject.project and "dependencies" not in dynamic and "optional-dependencies" not in dynamic:
        declared = requirements.declared(pyproject)
        locked = requirements.locked(metadata.get("requires-dist", ()), pyproject.name)
        yield from _compared(declared, locked, "", lock_name)
    groups, locked_groups = requirements.declared_in_groups(pyproject), metadata.get("requires-dev", {})
    for name in sorted({*groups, *locked_groups}):
        locked = requirements.locked(locked_groups.get(name, ()))
        yield from _compared(groups.get(name, set()), locked, f" in group {name}", lock_name)


def _compared(declared: set[Requirement], locked: set[Requirement], where: str, lock_name: str) -> Iterator[str]:
    missing = declared - locked
    # Of a requirement with a source (git, path, url) the lock does not keep the specifier; a source with a marker is
    # there beside the requirement itself.
    names = {name for name, _ in declared}
    by_name = {name: text for name, text in locked - declared if text != ANY_SOURCE or name not in names}
    sourced = {name for name, text in locked if text == ANY_SOURCE}
    for name, text in sorted(missing):
        other = by_name.pop(name, None)
        if other is not None:
            yield f"{name}{text}{where} is {name}{other} in {lock_name}"
        elif name not in sourced:
            yield f"{name}{text}{where} is not in {lock_name}"
    for name, text in sorted(by_name.items()):
        yield f"{name}{'' if text == ANY_SOURCE else text}{where} is only in {lock_name}"
