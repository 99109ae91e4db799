"""What is installed in a site-packages directory: read from its `dist-info`, completed with what the lock knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.metadata import RawMetadata, parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from uv_buildpack.sbom.component import Component, package_url, without_credentials

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from uv_buildpack.installed.distributions import Distribution, SitePackages
    from uv_buildpack.project.lockfile import Artifact, Dependency, Lock, LockedPackage

# A licence field longer than this holds the licence's text, not its name.
_LONGEST_NAME = 100
_CLASSIFIER = "License :: "
# Directories of the application: nothing that an index has, so nobody should look for their names there.
_OWN = frozenset({"directory", "editable", "virtual"})


class _Described(NamedTuple):
    """A distribution with its metadata."""

    name: str
    version: str
    metadata: RawMetadata
    tags: frozenset[str]
    """Of the wheel it was installed from."""
    path: str


def components(site_packages: SitePackages, lock: Lock) -> tuple[Component, ...]:
    """Return exactly what is installed, sorted by package URL. Raises `OSError`."""
    distributions = {found.name: found for found in map(_described, site_packages.distributions)}
    listed = {name: _component(found, _locked(found, lock)) for name, found in distributions.items()}
    extras = _extras(lock)
    python = site_packages.path.parent.name.removeprefix("python").removesuffix("t")

    def needed(found: _Described) -> tuple[str, ...]:
        names = _needed_names(found.metadata, extras.get(found.name, frozenset()), python)
        return tuple(sorted({listed[name].purl for name in names if name in listed and name != found.name}))

    complete = (listed[name]._replace(dependencies=needed(found)) for name, found in distributions.items())
    return tuple(sorted(complete, key=lambda component: component.purl))


def _described(distribution: Distribution) -> _Described:
    metadata, _ = parse_email(distribution.content("METADATA"))
    return _Described(
        name=canonicalize_name(metadata.get("name", distribution.name)),
        version=metadata.get("version", distribution.version),
        metadata=metadata,
        tags=frozenset(re.findall(r"^Tag: (\S+)", distribution.content("WHEEL").decode(), flags=re.MULTILINE)),
        path=f"{distribution.dist_info.parent.name}/{distribution.dist_info.name}/METADATA",
    )


def _locked(found: _Described, lock: Lock) -> LockedPackage | None:
    """Return the lock's entry for the installed version (the lock may not know that of a local package)."""
    return next((entry for entry in lock.named(found.name) if entry.version in {found.version, None}), None)


def _component(found: _Described, locked: LockedPackage | None) -> Component:
    expression, names = _licence(found.metadata)
    address = _address(locked) if locked else None
    vcs = _vcs(locked) if locked else None
    artifact = _artifact(found, locked) if locked else None
    algorithm, _, value = artifact.hash.partition(":") if artifact else ("", "", "")
    own = locked is None or locked.source_kind in _OWN
    qualifiers = {
        "vcs_url": vcs or "",
        "download_url": address or "" if locked and locked.source_kind == "url" else "",
    }
    return Component(
        name=found.name,
        version=found.version,
        kind="library",
        purl=package_url("generic" if own else "pypi", found.name, found.version, qualifiers),
        licence_expression=expression,
        licence_names=names,
        download=address,
        vcs=vcs,
        digest=(algorithm, value) if value else None,
        path=found.path,
    )


def _address(locked: LockedPackage) -> str | None:
    """Return the index or archive. Indexes on disk, and other paths, say nothing to a reader of the image."""
    if locked.source_kind not in {"registry", "url"} or "://" not in locked.source:
        return None
    return without_credentials(locked.source)


def _vcs(locked: LockedPackage) -> str | None:
    if locked.source_kind != "git":
        return None
    return f"git+{without_credentials(locked.source)}@{locked.source.rpartition('#')[2]}"


def _artifact(found: _Described, locked: LockedPackage) -> Artifact | None:
    """Return the file it was installed from: the wheel with its tags; if none could be it, the source distribution."""
    tags = {wheel: _tags(wheel.filename) for wheel in locked.wheels}
    same = [wheel for wheel, of_wheel in tags.items() if of_wheel == found.tags]
    near = [wheel for wheel, of_wheel in tags.items() if of_wheel & found.tags]
    if len(same or near) == 1:
        return (same or near)[0]
    return locked.sdist if not near else None


def _tags(filename: str) -> frozenset[str]:
    try:
        return frozenset(str(tag) for tag in parse_wheel_filename(filename)[3])
    except InvalidWheelFilename:
        return frozenset()


def _licence(metadata: RawMetadata) -> tuple[str | None, tuple[str, ...]]:
    """Return the SPDX expression, or the licences as the package calls them."""
    stated = metadata.get("license_expression") or metadata.get("license") or ""
    try:
        return canonicalize_license_expression(stated), ()
    except InvalidLicenseExpression:
        pass
    classified = (
        name.removeprefix(_CLASSIFIER).removeprefix("OSI Approved :: ")
        for name in metadata.get("classifiers", [])
        if name.startswith(_CLASSIFIER)
    )
    names = tuple(classified)
    short = stated and len(stated) <= _LONGEST_NAME and "\n" not in stated
    return None, names or ((stated,) if short else ())


def _extras(lock: Lock) -> Mapping[str, frozenset[str]]:
    """Return the extras that the lock asks for, by package."""
    found: dict[str, frozenset[str]] = {}
    for edge in _edges(lock.packages):
        found[edge.name] = found.get(edge.name, frozenset()) | set(edge.extras)
    return found


def _edges(packages: Iterable[LockedPackage]) -> Iterator[Dependency]:
    for package in packages:
        yield from package.dependencies
        for table in (package.extras, package.groups):
            for edges in table.values():
                yield from edges


def _needed_names(metadata: RawMetadata, extras: Collection[str], python: str) -> Iterator[str]:
    """Return the distributions that the package requires in this environment, with these of its extras."""
    for text in metadata.get("requires_dist", []):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # metadata of old packages; what is installed is listed all the same
        if _applies(requirement, extras, python):
            yield canonicalize_name(requirement.name)


def _applies(requirement: Requirement, extras: Collection[str], python: str) -> bool:
    if requirement.marker is None:
        return True
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    try:
        return any(requirement.marker.evaluate({**versions, "extra": extra}) for extra in ("", *extras))
    except (ValueError, KeyError):
        return (
            False  # an unknown name in it, or a number of thousands of digits: what is installed is listed all the same
        )
