"""The keys of this build's layers, and which of them the previous image already has."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cnb.layer import SBOMFormat
from uv_buildpack.analysis import build_environment, target_text
from uv_buildpack.installed import heavy
from uv_buildpack.layers import packages, venv, venv_project
from uv_buildpack.layers import python as python_layer
from uv_buildpack.uv.bindings import config_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.installed.heavy import Group
    from uv_buildpack.layers.python import PythonKey
    from uv_buildpack.layers.venv import VenvKey
    from uv_buildpack.layers.venv_project import LocalKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of this build's layers; `local` is `None` when no local package is installed."""

    python: PythonKey
    venv: VenvKey
    groups: tuple[Group, ...]
    """Heavy packages of the previous image's environment."""
    local: LocalKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reasons:
    """Why each layer is made anew: lines for the log, none where it is reused without a directory."""

    python: tuple[str, ...]
    venv: tuple[str, ...]
    local: tuple[str, ...]


def keys_of(context: BuildContext, analysis: Analysis) -> Keys:
    """Give the keys of the layers that this build will have. Raises `OSError` (a source tree cannot be read)."""
    decisions = analysis.decisions
    target = target_text(context.target)
    python = python_layer.key(decisions.python, context.layers_dir / python_layer.NAME)
    backends = build_environment(context.environment, analysis.project, config_file(context.bindings))
    environment = venv.VenvKey(
        scheme=venv.SCHEME,
        python=python.text(),
        target=target,
        path=str(context.layers_dir / venv.NAME),
        build_environment=backends if decisions.sdists else "",
        heavy_packages=str(analysis.configuration.heavy_packages),
        packages=venv.packages_text(decisions.packages),
    )
    groups = _remembered_groups(context) or ()
    if not decisions.local:
        return Keys(python=python, venv=environment, groups=groups, local=None)
    root = analysis.project.root.directory
    local = venv_project.LocalKey(
        scheme=venv_project.SCHEME,
        python=python.text(),
        target=target,
        path=str(context.layers_dir / venv_project.NAME),
        venv=environment.path,
        app=str(root),
        build_environment=backends,
        packages=venv_project.packages_text(decisions.local, root, analysis.pyprojects, analysis.project.app_dir),
    )
    return Keys(python=python, venv=environment, groups=groups, local=local)


def reasons_for(context: BuildContext, analysis: Analysis, keys: Keys) -> Reasons:
    """Decide which layers can be taken from the previous image as they are."""
    asked = analysis.asked
    local: tuple[str, ...] = ()
    if keys.local is not None:
        compare = partial(venv_project.differences, new=keys.local)
        local = _changes(context, venv_project.NAME, compare, on_disk=asked.venv)
    return Reasons(
        python=_changes(
            context, python_layer.NAME, partial(python_layer.differences, new=keys.python), on_disk=asked.python
        ),
        venv=_changes(context, venv.NAME, partial(venv.differences, new=keys.venv), on_disk=asked.venv)
        or _unknown_groups(context)
        or _missing_packages(context, analysis, keys),
        local=local,
    )


def reasons_for_packages(
    context: BuildContext, key: packages.PackagesKey, group: Group, *, on_disk: bool
) -> tuple[str, ...]:
    """Give why the layer of a heavy group cannot be taken from the previous image; nothing when it can."""
    return _changes(context, group.layer, partial(packages.differences, new=key), on_disk=on_disk)


def _remembered_groups(context: BuildContext) -> tuple[Group, ...] | None:
    """Give the heavy groups of the previous image's environment; `None` if they cannot be read."""
    restored = context.restored.get(venv.NAME)
    if restored is None:
        return ()
    text = restored.metadata.get("groups")
    try:
        return heavy.from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _unknown_groups(context: BuildContext) -> tuple[str, ...]:
    """Give why an environment is not reused of which nobody knows where its links lead."""
    return ("it is not known which packages have layers of their own",) if _remembered_groups(context) is None else ()


def _missing_packages(context: BuildContext, analysis: Analysis, keys: Keys) -> tuple[str, ...]:
    """An environment whose links lead nowhere is worth nothing: give the heavy layers that the image has not."""
    identities = analysis.decisions.packages
    lines = (
        (
            group.layer,
            reasons_for_packages(context, packages_key(context, keys, identities, group), group, on_disk=False),
        )
        for group in keys.groups
    )
    return tuple(f"{layer}: {reason}" for layer, reasons in lines for reason in reasons)


def packages_key(
    context: BuildContext, keys: Keys, identities: Mapping[str, str], group: Group
) -> packages.PackagesKey:
    """Give the key that the layer of a heavy group has in this build; `identities` are those of its packages."""
    return packages.key(group, keys.venv, identities, context.layers_dir)


def _changes(
    context: BuildContext, name: str, differences: Callable[[Mapping[str, object]], list[str]], *, on_disk: bool
) -> tuple[str, ...]:
    """Give why a layer cannot be reused without a directory; nothing when it can."""
    restored = context.restored.get(name)
    if restored is None:
        return ("not known from a previous image",)
    if restored.directory is not None:
        return ("its directory is there, which no platform restores: what is in it is unknown",)
    lines = differences(restored.metadata)
    if lines:
        return tuple(lines)
    if restored.metadata.get("sbom") != sbom_digest(restored.sboms):
        return ("its SBOM files are missing or were changed",)
    return ("a later buildpack asks for it",) if on_disk else ()


def sbom_digest(sboms: Mapping[SBOMFormat, bytes]) -> str:
    """Give the digest of a layer's SBOM files, which its metadata holds: without them a layer is not reused."""
    total = hashlib.sha256()
    for kind in SBOMFormat:
        total.update(sboms.get(kind, b"") + b"\0")
    return total.hexdigest()
