"""Buildpacks as they lie on disk: buildpack.toml, and the order in which a platform tries them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnb import toml
from cnb_platform.errors import ContractBroken, UnsupportedBuildpackApi, UnusableArgument

KNOWN_APIS = ("0.9", "0.10", "0.11", "0.12")
_ID = re.compile(r"[A-Za-z0-9./-]+")
_VERSION = re.compile(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")
_RESERVED_IDS = ("app", "config", "generated", "sbom")
_SECTION = "buildpack.toml (TOML)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a build is for, or what a buildpack supports; empty fields match everything."""

    os: str = ""
    arch: str = ""
    variant: str = ""
    distros: tuple[tuple[str, str], ...] = ()

    def admits(self, other: "Target") -> bool:
        """Return whether a build for `other` is within this target; what either leaves out matches.

        https://github.com/buildpacks/lifecycle/blob/v0.21.17/platform/target_data.go
        """
        fields = ((self.os, other.os), (self.arch, other.arch), (self.variant, other.variant))
        if not all(mine in ("", theirs) or theirs == "" for mine, theirs in fields):
            return False
        return not self.distros or not other.distros or any(map(self._admits_distro, other.distros))

    def _admits_distro(self, distro: tuple[str, str]) -> bool:
        return any(name in ("", distro[0]) and version in ("", distro[1]) for name, version in self.distros)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """One element of a group."""

    id: str
    version: str = ""
    optional: bool = False


Group = tuple[Reference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buildpack:
    """A buildpack directory and what its buildpack.toml says."""

    directory: Path
    id: str
    version: str
    api: str
    name: str = ""
    homepage: str = ""
    clear_env: bool = False
    sbom_formats: tuple[str, ...] = ()
    exec_env: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()

    @property
    def key(self) -> str:
        """`id@version`, as logs and errors name it."""
        return f"{self.id}@{self.version}"

    @property
    def directory_name(self) -> str:
        """The id as a directory name: `/` becomes `_`."""
        return self.id.replace("/", "_")

    def api_at_least(self, minor: int) -> bool:
        """Return whether the declared API is 0.`minor` or newer."""
        return int(self.api.partition(".")[2]) >= minor


def read_buildpack(directory: Path) -> Buildpack:
    """Read `buildpack.toml`.

    Raises UnusableArgument where there is none, UnsupportedBuildpackApi, and ContractBroken where it breaks
    "buildpack.toml (TOML)".
    """
    path = directory / "buildpack.toml"
    try:
        document = toml.load(path)
    except OSError as error:
        message = f"{directory} is not a buildpack: {error}"
        raise UnusableArgument(message) from error
    except toml.TOMLError as error:
        raise ContractBroken(buildpack=str(directory), section=_SECTION, problem=str(error)) from error
    buildpack = _from_document(directory, document)
    _check(buildpack, document)
    return buildpack


def _from_document(directory: Path, document: Mapping[str, Any]) -> Buildpack:
    try:
        about = document["buildpack"]
        return Buildpack(
            directory=directory,
            id=about["id"],
            version=about["version"],
            api=document["api"],
            name=about.get("name", ""),
            homepage=about.get("homepage", ""),
            clear_env=about.get("clear-env", False),
            sbom_formats=tuple(about.get("sbom-formats", ())),
            exec_env=tuple(_exec_env(directory, about.get("exec-env", ()))),
            targets=_targets(directory, document),
        )
    except (KeyError, TypeError, AttributeError) as error:
        problem = f"{directory / 'buildpack.toml'}: missing or unusable {error}"
        raise ContractBroken(buildpack=str(directory), section=_SECTION, problem=problem) from error


def _exec_env(directory: Path, value: Iterable[object]) -> Iterable[str]:
    """Return the array of strings that lifecycle 0.21 reads; the spec's tables abort its detect phase."""
    names = [name for name in value if isinstance(name, str)]
    if names == list(value):
        return names
    problem = "buildpack.exec-env is read as an array of strings by the lifecycle; tables abort detection"
    raise ContractBroken(buildpack=str(directory), section=_SECTION, problem=problem)


def _targets(directory: Path, document: Mapping[str, Any]) -> tuple[Target, ...]:
    targets = tuple(
        Target(
            os=target.get("os", ""),
            arch=target.get("arch", ""),
            variant=target.get("variant", ""),
            distros=tuple((d.get("name", ""), d.get("version", "")) for d in target.get("distros", ())),
        )
        for target in document.get("targets", ())
    )
    if not targets and (directory / "bin" / "build").exists():
        return (Target(os="linux"),)
    return targets


def _check(buildpack: Buildpack, document: Mapping[str, Any]) -> None:
    if "order" in document:
        raise UnusableArgument(f"{buildpack.key} is a composite buildpack: give the buildpacks of its order instead")
    if buildpack.api not in KNOWN_APIS:
        message = f"{buildpack.key} declares Buildpack API {buildpack.api}; known are {', '.join(KNOWN_APIS)}"
        raise UnsupportedBuildpackApi(message)
    problems = {
        f"id {buildpack.id!r} must match {_ID.pattern} and not be one of {', '.join(_RESERVED_IDS)}": not _ID.fullmatch(
            buildpack.id
        )
        or buildpack.id in _RESERVED_IDS,
        f"version {buildpack.version!r} must be X.Y.Z without leading zeros": not _VERSION.fullmatch(buildpack.version),
    }
    for problem, found in problems.items():
        if found:
            raise ContractBroken(buildpack=buildpack.key, section=_SECTION, problem=problem)


def read_order(document: Mapping[str, Any]) -> Iterator[Group]:
    """Return the `[[order]]` of an order.toml."""
    for entry in document.get("order", ()):
        yield tuple(
            Reference(
                id=element["id"], version=element.get("version", ""), optional=bool(element.get("optional", False))
            )
            for element in entry.get("group", ())
        )


@dataclass(frozen=True, slots=True)
class Shelf:
    """The buildpacks at hand."""

    buildpacks: tuple[Buildpack, ...]

    def find(self, reference: Reference) -> Buildpack:
        """Return the buildpack a group element names; without a version the only one with that id.

        Raises UnusableArgument where there is none, or more than one and no version.
        """
        found = [b for b in self.buildpacks if b.id == reference.id and reference.version in ("", b.version)]
        if len(found) == 1:
            return found[0]
        wanted = f"{reference.id}@{reference.version}" if reference.version else reference.id
        have = ", ".join(buildpack.key for buildpack in self.buildpacks)
        message = f"the order names {wanted}, of which there {'is none' if not found else 'are several'} among: {have}"
        raise UnusableArgument(message)


@dataclass(frozen=True, slots=True)
class Member:
    """A buildpack in a group."""

    buildpack: Buildpack
    optional: bool


def members(group: Group, shelf: Shelf) -> tuple[Member, ...]:
    """Return the buildpacks of a group; of one named twice the first counts. Raises UnusableArgument."""
    found: dict[str, Member] = {}
    for reference in group:
        buildpack = shelf.find(reference)
        found.setdefault(buildpack.id, Member(buildpack, reference.optional))
    return tuple(found.values())
