"""The `venv-project` layer: the local packages (the project, workspace members, path dependencies) and their scripts.

They are apart from third-party packages, so that an edit of their source touches no dependency layer. The venv finds
them by one static `.pth` file.
`.pth` files: https://docs.python.org/3/library/site.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnb.layer import Layer, LayerTypes, ReusedLayer
from cnb.result import empty_layer
from uv_buildpack.layers import app_links, making, reuse
from uv_buildpack.layers.reuse import part
from uv_buildpack.layers.venv import key as venv
from uv_buildpack.layers.venv import links
from uv_buildpack.layers.work import made, reused
from uv_buildpack.project import build_tools, local_sources

if TYPE_CHECKING:
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.layers.python import PythonKey
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.work import Work
    from uv_buildpack.project.local_packages import LocalPackage
    from uv_buildpack.uv.running import Uv

NAME = "venv-project"
SCHEME = "3"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalKey:
    """All that decides what is in the layer. Strings only."""

    scheme: str = part()
    python: str = part()
    target: str = part()
    path: str = part()
    venv: str = part()
    """Path of the venv layer: it is in the `#!` lines of console scripts."""
    app: str = part()
    """Path of the lock's directory: it is in the `.pth` files of editable packages."""
    build_environment: str = part(reuse.variables)
    packages: str = part(reuse.local)
    """JSON: name → how it is installed, and the digest of what it is made from."""


def types(*, build: bool) -> LayerTypes:
    """Return the types: for launch, and for later buildpacks if one asks for the environment."""
    return LayerTypes(launch=True, build=build)


def wanted(context: BuildContext, analysis: Analysis, python: PythonKey) -> Wanted[LocalKey] | None:
    """Return the layer as this build wants it; `None` without local packages. Raises `OSError` (an unreadable tree)."""
    if not analysis.decisions.local:
        return None
    key = LocalKey(
        scheme=SCHEME,
        python=python.text(),
        target=analysis.target,
        path=str(context.layers_dir / NAME),
        venv=str(context.layers_dir / venv.NAME),
        app=str(analysis.project.root.directory),
        build_environment=analysis.build_environment,
        packages=packages_text(analysis),
    )
    restored = context.restored.get(NAME)
    unreadable = restored is not None and app_links.read(restored.metadata) is None
    # Without them the app would not find what only the build of the package made.
    more = ("its links into the app directory cannot be read",) if unreadable else ()
    return reuse.wanted(context, NAME, key, on_disk=analysis.asked.venv, more=more)


def contribute(work: Work, layer: Wanted[LocalKey], uv: Uv, python: Path) -> Layer | ReusedLayer:
    """Make the layer, or take it from the previous image. Raises `Problem`, `OSError`."""
    if not layer.reasons:
        return reused(work, NAME, layer.metadata)
    analysis, directory = work.analysis, empty_layer(work.context, NAME)
    installed, hidden = _fill(work, directory, uv, python, work.directory(venv.NAME))
    new = Layer(
        name=NAME,
        types=types(build=analysis.asked.venv),
        metadata=layer.metadata | {app_links.FIELD: app_links.text(hidden)} | _outside(directory, installed.path),
        sboms=making.sbom.of_packages(installed, work.lock(), name=NAME),
    )
    return made(work, new, layer.reasons)


def lend(work: Work, uv: Uv, python: Path, environment: Path) -> None:
    """Rebuild the layer of the previous image for this build to run it with `environment`; it is removed at the end.

    Raises `Problem`, `OSError`.
    """
    if not work.directory(NAME).is_dir():
        _fill(work, empty_layer(work.context, NAME), uv, python, environment)


def _fill(work: Work, directory: Path, uv: Uv, python: Path, environment: Path) -> tuple[SitePackages, dict[str, str]]:
    analysis = work.analysis
    installation = making.local_install.Installation(
        uv=uv,
        python=python,
        venv=environment,
        project=analysis.project,
        packages=analysis.decisions.local,
        pyprojects=analysis.pyprojects,
        installing=making.lock_parts.installing(work),
        scratch=work.scratch,
        complete=bool(analysis.decisions.in_environment),
    )
    return making.local_install.install(installation, directory)


def _outside(directory: Path, site_packages: Path) -> dict[str, str]:
    files = links.outside(directory, site_packages)
    return {links.FIELD: links.Links(files=files, links=()).text()} if files else {}


def packages_text(analysis: Analysis) -> str:
    """Write the packages of a key, with the digest of what each is made from. Raises `OSError`."""
    described = {package.name: _described(analysis, package) for package in analysis.decisions.local}
    return json.dumps(dict(sorted(described.items())), separators=(",", ":"), sort_keys=True)


def _described(analysis: Analysis, package: LocalPackage) -> dict[str, object]:
    decided, project, pyproject = analysis.decisions, analysis.project, analysis.pyprojects.get(package.name)
    place = project.root.directory / package.path
    seen = decided.is_seen(package.name)
    against = [decided.against(package.name)]
    if not decided.is_unisolated(package.name) and build_tools.needed(pyproject):
        against += [analysis.tools, build_tools.of_package(project, pyproject)]
    return {
        "path": package.path,
        "editable": package.editable,
        "source": local_sources.digest(package, place, pyproject, project.app_dir, seen=seen),
        **({"against": " ".join(filter(None, against))} if any(against) else {}),
    }
