"""What follows from a project's files and settings, the interpreter and the packages: a value to store and recall."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

from cnb.documents import Table, json_table
from uv_buildpack.errors import NoCompatibleDistribution
from uv_buildpack.interpreter.catalogue import CPythonBuild, read_build
from uv_buildpack.project import selection
from uv_buildpack.project.local_packages import LocalPackage, local_packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from uv_buildpack.interpreter.request import PythonRequest
    from uv_buildpack.project.build_settings import Rules
    from uv_buildpack.project.lockfile import Lock, LockedPackage


LAYER = "venv"
"""The layer whose metadata holds what was decided: the environment, which no build is without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """What follows from the files and settings, apart from the state of layers."""

    python: CPythonBuild
    python_reason: str
    choice: selection.Choice
    packages: Mapping[str, str]
    """Third-party packages: name → identity."""
    sdists: Mapping[str, str]
    """Third-party packages that have to be built from source: name → reason."""
    local: tuple[LocalPackage, ...]
    files: tuple[str, ...]
    """Files that third-party packages may be installed from, relative to the lock: a flat index, `find-links`."""
    sees: Mapping[str, tuple[str, ...]]
    """What the build of a package sees of the environment, for those that see something: name → names, or `EVERYTHING`.

    Without isolation that is all of it; with `match-runtime` it is what is asked for so."""
    places: tuple[str, ...]
    """Directories of all local packages in the lock, relative to it: uv compares what they declare with it."""
    dynamic: tuple[str, ...]
    """Those of them whose dependencies are declared by a build backend."""
    locked_python: str
    """The `requires-python` of the lock."""

    def against(self, name: str) -> str:
        """Return a digest of what the build of a package sees of the environment; empty if that is nothing."""
        return _digest_of(self.packages, self.sees.get(name, ()))

    def is_unisolated(self, name: str) -> bool:
        """Return whether the build of a package sees all of the environment, and gets nothing of its own."""
        return self.sees.get(name) == EVERYTHING

    def is_seen(self, name: str) -> bool:
        """Return whether the build of a local package sees another local one, and may import it."""
        seen = {each for package in self.local if package.name != name for each in self.sees.get(package.name, ())}
        return not seen.isdisjoint({name, *EVERYTHING})

    @property
    def in_environment(self) -> tuple[str, ...]:
        """Names of local packages whose build needs the environment there and complete.

        With `match-runtime`, too: uv looks for the versions among what it would install, which is then everything.
        """
        return tuple(package.name for package in self.local if package.name in self.sees)

    @property
    def checked_in_environment(self) -> tuple[str, ...]:
        """Names of local packages whose backend needs the environment even to say what they depend on."""
        return tuple(name for name in self.in_environment if self._is_dynamic(name) and self.is_unisolated(name))

    def _is_dynamic(self, name: str) -> bool:
        return any(package.name == name and package.path in self.dynamic for package in self.local)


EVERYTHING = ("*",)


def _built(identities: Mapping[str, str], name: str, sees: tuple[str, ...], tools: str) -> str:
    """Return the identity of a package that is built from source: its own, and that of what it is built with."""
    digests = (_digest_of(identities, sees), "" if sees == EVERYTHING else tools)
    return " ".join([identities[name], *filter(None, digests)])


def _digest_of(identities: Mapping[str, str], names: tuple[str, ...]) -> str:
    seen = identities if names == EVERYTHING else {name: identities[name] for name in names if name in identities}
    # 64 bits: nobody forges it, and labels of images should stay short.
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()[:16] if names else ""


class Candidates(NamedTuple):
    """What was asked for, and the builds that meet it: one for each minor, newest first."""

    request: PythonRequest
    builds: Sequence[CPythonBuild]


class Circumstances(NamedTuple):
    """What else decides, beside the lock and the choice."""

    no_editable: bool
    rules: Rules
    """How packages are built."""
    dynamic: tuple[str, ...]
    """Directories of local packages, relative to the lock, whose dependencies are declared by a build backend."""
    digest_of: Callable[[str], str]
    """The digest of a file, by its path relative to the lock."""
    tools: Callable[[], str]
    """A digest of what packages are built with in isolation (`build_tools.of_all`)."""


def decide(lock: Lock, choice: selection.Choice, candidates: Candidates, circumstances: Circumstances) -> Decisions:
    """Choose the interpreter among the candidates and walk the lock for it.

    Where several minors meet the request wheels decide: the newest for which no package has to be built from source
    that has a wheel for another one. Raises `NoCompatibleDistribution`.
    """
    # Which packages there are, and which of them have wheels, depends on the minor.
    walks = [_walk(lock, choice, build) for build in candidates.builds]
    index, reason = _best(walks, candidates.request)
    platform, selected = walks[index]
    third_party = [package for package in selected if not package.local]
    lines = selection.uninstallable(lock, third_party, platform)
    if lines:
        raise NoCompatibleDistribution(f"Reading {lock.shown}", lines)
    rules = circumstances.rules
    identities = {
        package.name: selection.identity(package, platform, circumstances.digest_of) for package in third_party
    }
    sdists = {
        package.name: _why_built(package, platform, rules, lock.shown)
        for package in third_party
        if rules.source_only(package.name) or not selection.compatible_wheels(package, platform)
    }
    local = local_packages(selected, no_editable=circumstances.no_editable)
    sees = _sees([*sdists, *(package.name for package in local)], rules)
    # The identities of all packages are those of their files; of what is built from some, that of the others as well.
    tools = circumstances.tools() if any(sees.get(name) != EVERYTHING for name in sdists) else ""
    built = {name: _built(identities, name, sees.get(name, ()), tools) for name in sdists}
    return Decisions(
        python=candidates.builds[index],
        python_reason=reason,
        choice=choice,
        packages=identities | built,
        sdists=sdists,
        local=local,
        files=_files(third_party, platform),
        sees=sees,
        places=tuple(package.source for package in lock.packages if package.local),
        dynamic=circumstances.dynamic,
        locked_python=lock.requires_python,
    )


def _why_built(package: LockedPackage, platform: selection.Platform, rules: Rules, lock: str) -> str:
    if package.source_kind == "git":
        return f"{lock} names a git repository"
    if rules.source_only(package.name):
        return "no-binary is set"
    if not package.wheels:
        return f"{lock} has no wheel"
    return f"no wheel fits Python {platform.python} on {platform.machine}, {platform.libc}"


def _sees(names: Iterable[str], rules: Rules) -> dict[str, tuple[str, ...]]:
    seen = {name: EVERYTHING if rules.unisolated(name) else rules.against.get(name, ()) for name in names}
    return {name: names for name, names in seen.items() if names}


def _files(packages: Iterable[LockedPackage], platform: selection.Platform) -> tuple[str, ...]:
    files = (file for package in packages for file in selection.candidates(package, platform))
    return tuple(sorted(file.path for file in files if file.path is not None))


def walk(lock: Lock, decisions: Decisions) -> tuple[selection.Platform, tuple[LockedPackage, ...]]:
    """Return the platform, and what a lock has for it with these decisions."""
    return _walk(lock, decisions.choice, decisions.python)


def installed(lock: Lock, decisions: Decisions) -> dict[str, str]:
    """Return name → version and source of what a lock installs with these decisions; local packages by source alone."""
    return {
        package.name: package.source if package.local else f"{package.version} ({package.source})"
        for package in _walk(lock, decisions.choice, decisions.python)[1]
    }


def write(decisions: Decisions) -> str:
    """Write decisions as layer metadata has them, without the packages: those are in the layer's key."""
    document = asdict(decisions)
    del document["packages"]
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def read(metadata: Mapping[str, object]) -> Decisions:
    """Read decisions from layer metadata. Raises `DocumentError`: another version wrote them, or nobody did."""
    stored = Table(metadata, "venv.toml")
    document = json_table(stored.text("decisions"), "decisions")
    packages = json_table(stored.text("packages"), "packages")
    choice = document.table("choice")
    return Decisions(
        python=read_build(document.table("python")),
        python_reason=document.text("python_reason"),
        choice=selection.Choice(**{name: choice.texts(name) for name in ("members", "extras", "groups")}),
        packages={name: packages.text(name) for name in packages.values},
        sdists={name: document.table("sdists").text(name) for name in document.table("sdists").values},
        local=tuple(_local_package(entry) for entry in document.tables("local")),
        files=document.texts("files"),
        sees={name: document.table("sees").texts(name) for name in document.table("sees").values},
        places=document.texts("places"),
        dynamic=document.texts("dynamic"),
        locked_python=document.text("locked_python"),
    )


def _local_package(entry: Table) -> LocalPackage:
    return LocalPackage(
        name=entry.text("name"), path=entry.text("path"), editable=bool(entry.optional_boolean("editable"))
    )


_Walk = tuple[selection.Platform, "tuple[LockedPackage, ...]"]


def _walk(lock: Lock, choice: selection.Choice, build: CPythonBuild) -> _Walk:
    platform = selection.Platform(
        python=build.version, machine=build.arch, libc=build.libc, freethreaded=build.freethreaded
    )
    return platform, selection.select(lock, choice, platform)


def _best(walks: Sequence[_Walk], request: PythonRequest) -> tuple[int, str]:
    reason = f"newest for {request.text} ({request.origin})"
    lacking = [
        {package.name for package in packages if package.wheels and not selection.compatible_wheels(package, platform)}
        for platform, packages in walks
    ]
    # What has no wheel for any of them decides nothing.
    always = set.intersection(*lacking)
    index = next((index for index, names in enumerate(lacking) if names <= always), 0)
    if index == 0:
        return 0, reason
    without = ", ".join(sorted(lacking[0] - always))
    return index, f"{reason} that has a wheel of {without}"
