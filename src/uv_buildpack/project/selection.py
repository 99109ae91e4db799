"""Which packages of a lock are installed for a target: the walk that `uv sync` does, without uv or an interpreter.

It decides whether a build is hot, and which Python minors have wheels, so it must be possible before anything is
downloaded. After each sync the result is compared with what uv really installed (`unexpected` in `layers/venv`).
The walk is uv's `Installable` (0.12.5): https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-resolver/src/lock/installable.rs
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import canonicalize_name, parse_wheel_filename

from uv_buildpack import masking
from uv_buildpack.errors import (
    ChoiceConflicting,
    Collector,
    LockfileOutdated,
    UnknownExtra,
    UnknownGroup,
    UnknownPackage,
)
from uv_buildpack.project import markers
from uv_buildpack.project.markers import REMEMBERED, conflict_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from packaging.tags import Tag

    from uv_buildpack.project.lockfile import Artifact, ConflictItem, Dependency, Lock, LockedPackage
    from uv_buildpack.project.markers import Environment

    _Node = tuple[LockedPackage, str | None]

GROUP_PYTHONS_REVISION = 5
"""The first revision of the lock that says which Pythons a group is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the user chose to install, by normalised names."""

    members: tuple[str, ...]
    """Of the workspace; a project that is no workspace is its only one. `choose` makes sure that there is one."""
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    """Dependency groups."""


class Platform(NamedTuple):
    """What markers and wheel tags are compared with: `machine` is `x86_64` or `aarch64`, `libc` `gnu` or `musl`."""

    python: str
    """A full version, 3.13.4."""
    machine: str
    libc: str
    freethreaded: bool = False

    @property
    def minor(self) -> tuple[int, int]:
        """Major and minor version of Python."""
        major, minor, *_ = self.python.split(".")
        return int(major), int(minor)


def choose(lock: Lock, name: str | None, wanted: Choice, default_groups: Sequence[str] = ()) -> Choice:
    """Complete and check a choice. `name` is the project's; a virtual root without choice means all members.

    Of `default_groups` those are added that exist: uv's own default, `dev`, need not.

    Raises `Problems`: unknown package, extra or group, a project that is not in the lock.
    """
    members = wanted.members or ((name,) if name else lock.members)
    collector = Collector()
    for member in members:
        with collector.collecting():
            if member not in lock.members and not wanted.members:
                # Nobody chose it: the project has another name than when it was locked.
                raise LockfileOutdated(
                    [f"the project is {member}, {lock.shown} has {', '.join(lock.members) or 'none'}"]
                )
            if member not in lock.members:
                raise UnknownPackage(member, lock.members)
    selected = [package for member in members for package in lock.named(member)]
    known_extras = sorted({extra for package in selected for extra in _known_extras(package)})
    extras = tuple(known_extras) if "*" in wanted.extras else wanted.extras
    known_groups = {group for package in (*selected, *_root_package(lock, members)) for group in _known_groups(package)}
    known_groups |= set(lock.root_groups)
    normalised: dict[str, str] = {canonicalize_name(group): group for group in known_groups}
    collector.problems.extend(UnknownExtra(extra, known_extras) for extra in extras if extra not in known_extras)
    collector.problems.extend(
        UnknownGroup(group, sorted(known_groups)) for group in wanted.groups if group not in normalised
    )
    collector.raise_if_any()
    added = (group for group in map(canonicalize_name, default_groups) if group in normalised)
    named = (*lock.default_groups, *wanted.groups, *added)
    groups = tuple(normalised[group] for group in dict.fromkeys(map(canonicalize_name, named)))
    choice = Choice(members=members, extras=extras, groups=groups)
    conflicts = _conflicts(lock, choice, every_extra="*" in wanted.extras)
    collector.problems.extend(ChoiceConflicting([str(item) for item in items]) for items in conflicts)
    collector.raise_if_any()
    return choice


def _conflicts(lock: Lock, choice: Choice, *, every_extra: bool) -> Iterator[list[ConflictItem]]:
    """Return what was chosen of each set of which one at most can be installed, where that is more.

    An extra or a group that was chosen counts for each member that is needed, as in uv (`detect_conflicts`, 0.12.5:
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv/src/commands/project/mod.rs).
    """
    members = _needed_members(lock, choice) if lock.conflicts else set()
    for items in lock.conflicts:
        chosen = [
            item for item in items if item.package in members and _is_chosen(item, choice, every_extra=every_extra)
        ]
        if len(chosen) > 1:
            yield chosen


def _is_chosen(item: ConflictItem, choice: Choice, *, every_extra: bool) -> bool:
    if item.extra is not None:
        return every_extra or item.extra in choice.extras
    return item.group is None or item.group in choice.groups


def _needed_members(lock: Lock, choice: Choice) -> set[str]:
    """Return the members that a choice leads to, whatever the markers on the way say."""
    by_name = {package.name: lock.named(package.name) for package in lock.packages}
    queue = [(name, extra) for name in choice.members for extra in (None, *choice.extras)]
    queue += [pair for edge in _group_edges(lock, choice, by_name) for pair in _named(edge)]
    seen: set[tuple[str, str | None]] = set()
    while queue:
        name, extra = queue.pop()
        if (name, extra) not in seen:
            seen.add((name, extra))
            for package in by_name.get(name, ()):
                edges = package.dependencies if extra is None else package.extras.get(extra, ())
                queue += [pair for edge in edges for pair in _named(edge)]
    return {name for name, _ in seen}.intersection(lock.members).union(choice.members)


def _named(edge: Dependency) -> list[tuple[str, str | None]]:
    return [(edge.name, extra) for extra in (None, *edge.extras)]


def group_pythons(lock: Lock, choice: Choice) -> dict[str, str]:
    """Return the Pythons that the chosen groups are for: group → specifier; empty for locks of before revision 5."""
    packages = [
        *_root_package(lock, choice.members),
        *(package for name in choice.members for package in lock.named(name)),
    ]
    tables = [lock.root_group_pythons, *(package.group_pythons for package in packages)]
    return {group: table[group] for table in tables for group in choice.groups if group in table}


def select(lock: Lock, choice: Choice, platform: Platform) -> tuple[LockedPackage, ...]:
    """Return the selected packages, sorted by name, local and virtual ones included."""
    by_name: dict[str, list[LockedPackage]] = {}
    for package in lock.packages:
        by_name.setdefault(package.name, []).append(package)
    chosen = {"extras": frozenset(choice.extras), "dependency_groups": frozenset(choice.groups)}
    environment = _environment(platform) | chosen
    active = frozenset(_conflict_names(choice))
    seen = _walk(lock, choice, by_name, environment, active)
    # A dependency may turn on an extra that other markers ask about ("app" depends on "lib[gpu]").
    while lock.conflicts and not (reached := active.union(*(_node_names(*node) for node in seen))) <= active:
        active = reached
        seen = _walk(lock, choice, by_name, environment, active)
    unique = {id(package): package for package, _ in seen}
    return tuple(sorted(unique.values(), key=lambda package: package.name))


def compatible_wheels(package: LockedPackage, platform: Platform) -> tuple[Artifact, ...]:
    """Return the wheels of a package that run on the platform, whatever the version of its C library."""
    return tuple(wheel for wheel in package.wheels if _compatible(wheel.filename, platform))


def uninstallable(lock: Lock, packages: Iterable[LockedPackage], platform: Platform) -> list[str]:
    """Return what in a lock cannot be installed on the platform: one line for each package."""
    environment = _environment(platform)
    if lock.supported and not any(
        markers.hold(marker, environment, frozenset(), lock.shown) for marker in lock.supported
    ):
        return [f"{lock.shown} is only for {' or '.join(lock.supported)} (environments in [tool.uv])"]
    if platform.freethreaded:
        return []  # the tags of its wheels are not settled yet
    where = f"Python {platform.python} on Linux ({platform.machine}, {platform.libc})"
    return [
        f"{package.name} {package.version} has no wheel for {where}, and no source distribution"
        for package in packages
        if package.wheels and package.sdist is None and not compatible_wheels(package, platform)
    ]


def candidates(package: LockedPackage, platform: Platform) -> tuple[Artifact, ...]:
    """Return the files of a package one of which is installed: wheels for the platform, else the source.

    A source in the app directory is among them in any case: it may be what a setting has uv build.
    """
    wheels = compatible_wheels(package, platform)
    return (*wheels, package.sdist) if package.sdist and (package.sdist.path or not wheels) else wheels


def identity(package: LockedPackage, platform: Platform, digest_of: Callable[[str], str]) -> str:
    """Return a text that changes when what is installed of a package changes: version, source and hashes.

    Only files that could be installed on the platform count: a wheel that is added for another one changes nothing.
    `digest_of` is asked for the digest of files on this machine, by their paths relative to the lock: uv writes no
    hash for those of a flat index, and one that was replaced under its name is another file.
    """
    files = candidates(package, platform)
    hashes = [file.hash + (f" {digest_of(file.path)}" if file.path is not None else "") for file in files]
    digest = hashlib.sha256("\n".join(sorted(hashes)).encode()).hexdigest()
    return f"{package.version or '-'} {package.source_kind}={source_digest(package.source)} {digest[:16]}"


def source_digest(source: str) -> str:
    """Return a digest of an address without its credentials: what has it is in labels that anybody can read."""
    return hashlib.sha256(masking.without_secrets(source, ()).encode()).hexdigest()[:16]


def _walk(
    lock: Lock,
    choice: Choice,
    by_name: Mapping[str, Sequence[LockedPackage]],
    environment: Environment,
    active: frozenset[str],
) -> list[_Node]:
    """Return each package that is reached, once for itself and once for each extra."""

    def follow(edges: Iterable[Dependency]) -> Iterator[_Node]:
        for edge in edges:
            names = active.union(_edge_names(edge))
            holds = partial(markers.hold, environment=environment, active=names, file=lock.shown)
            if edge.marker is None or holds(edge.marker):
                yield from _targets(edge, by_name.get(edge.name, ()), holds)

    queue = [*_roots(choice, by_name), *follow(_group_edges(lock, choice, by_name))]
    seen: dict[tuple[int, str | None], _Node] = {}
    while queue:
        package, extra = queue.pop()
        if (id(package), extra) not in seen:
            seen[id(package), extra] = package, extra
            queue.extend(follow(package.dependencies if extra is None else package.extras.get(extra, ())))
    return list(seen.values())


def _roots(choice: Choice, by_name: Mapping[str, Sequence[LockedPackage]]) -> Iterator[_Node]:
    for name in choice.members:
        for package in by_name.get(name, ()):
            yield package, None
            yield from ((package, extra) for extra in choice.extras)


def _group_edges(lock: Lock, choice: Choice, by_name: Mapping[str, Sequence[LockedPackage]]) -> Iterator[Dependency]:
    """Return the dependencies of the groups; one that no chosen package has is looked for in the workspace root."""
    chosen = [package for name in choice.members for package in by_name.get(name, ())]
    for group in choice.groups:
        owners = [package for package in chosen if group in _known_groups(package)]
        owners = owners or _root_package(lock, choice.members)
        for package in owners:
            yield from package.groups.get(group, ())
        if not owners:
            yield from lock.root_groups.get(group, ())


def _root_package(lock: Lock, members: Sequence[str]) -> list[LockedPackage]:
    """Return the workspace root, if groups of it can be chosen: for one member, and not for several.

    As in uv (`validate_groups`, 0.12.5:
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv/src/commands/project/install_target.rs).
    """
    if len(members) != 1:
        return []
    return [package for package in lock.packages if package.local and package.source == "."]


def _targets(edge: Dependency, candidates: Sequence[LockedPackage], holds: Callable[[str], bool]) -> Iterator[_Node]:
    for package in candidates:
        if edge.version not in {None, package.version} or edge.source not in {None, package.source}:
            continue
        # Groups of a root that is no project name no version, so the forks tell for whom they are.
        if edge.version is None and len(candidates) > 1 and package.forks and not any(map(holds, package.forks)):
            continue
        yield package, None
        yield from ((package, extra) for extra in edge.extras)


def _known_extras(package: LockedPackage) -> set[str]:
    declared = (package.metadata or {}).get("provides-extras", ())
    return {canonicalize_name(extra) for extra in (*package.extras, *declared)}


def _known_groups(package: LockedPackage) -> set[str]:
    return {*package.groups, *(package.metadata or {}).get("requires-dev", {})}


def _conflict_names(choice: Choice) -> Iterator[str]:
    for member in choice.members:
        yield conflict_name("project", member)
        yield from (conflict_name("extra", member, extra) for extra in choice.extras)
        yield from (conflict_name("group", member, group) for group in choice.groups)


def _edge_names(edge: Dependency) -> Iterator[str]:
    yield conflict_name("project", edge.name)
    yield from (conflict_name("extra", edge.name, extra) for extra in edge.extras)


def _node_names(package: LockedPackage, extra: str | None) -> Iterator[str]:
    yield conflict_name("project", package.name) if extra is None else conflict_name("extra", package.name, extra)


def _environment(platform: Platform) -> Environment:
    major, minor = platform.minor
    return {
        "implementation_name": "cpython",
        "implementation_version": platform.python,
        "os_name": "posix",
        "platform_machine": platform.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": platform.python,
        "python_version": f"{major}.{minor}",
        "sys_platform": "linux",
    }


@lru_cache(REMEMBERED)
def _compatible(filename: str, platform: Platform) -> bool:
    return any(_platform_fits(tag.platform, platform) and _interpreter_fits(tag, platform) for tag in _tags(filename))


@lru_cache(REMEMBERED)
def _tags(filename: str) -> Collection[Tag]:
    try:
        return parse_wheel_filename(filename)[3]
    except ValueError:  # of packaging; or of Python, for a number of thousands of digits
        return ()


def _interpreter_fits(tag: Tag, platform: Platform) -> bool:
    major, minor = platform.minor
    own = f"cp{major}{minor}"
    if tag.interpreter == own:
        # Free-threaded builds have an ABI of their own and no stable one:
        # https://docs.python.org/3/howto/free-threading-extensions.html#limited-c-api-and-stable-abi
        suffix = "t" if platform.freethreaded else ""
        return tag.abi in {f"{own}{suffix}", "none"} or (tag.abi == "abi3" and not platform.freethreaded)
    if tag.abi == "abi3" and not platform.freethreaded:
        # The stable ABI of a minor is that of all later ones: https://docs.python.org/3/c-api/stable.html
        match = re.fullmatch(rf"cp{major}(\d+)", tag.interpreter)
        return match is not None and int(match.group(1)) <= minor
    match = re.fullmatch(rf"(?:py|cp){major}(\d*)", tag.interpreter)
    return tag.abi == "none" and match is not None and int(match.group(1) or 0) <= minor


def _platform_fits(tag: str, platform: Platform) -> bool:
    if tag == "any":
        return True
    # Whatever the version of the C library in the tag: that of the run image is not known here.
    # https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
    prefix = "musllinux" if platform.libc == "musl" else "manylinux"
    return tag.endswith(f"_{platform.machine}") and tag.startswith((prefix, "linux"))
