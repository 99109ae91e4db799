"""The `venv-project` layer: the local packages (the project, workspace members, path dependencies) and their scripts.

They are apart from third-party packages, so that an edit of their source touches no dependency layer. The venv finds
them by one static `.pth` file.
`.pth` files: https://docs.python.org/3/library/site.html
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.layer import Layer, LayerTypes, ReusedLayer
from cnb.result import empty_layer
from uv_buildpack import log
from uv_buildpack.bytecode.wanted import modules
from uv_buildpack.layers import app_links, making, reuse
from uv_buildpack.layers.reuse import part
from uv_buildpack.layers.venv import key as venv
from uv_buildpack.layers.work import made, reused
from uv_buildpack.project import build_reach, tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.layers.python import PythonKey
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.work import Work
    from uv_buildpack.project.files import Project, Pyproject
    from uv_buildpack.project.local_packages import LocalPackage
    from uv_buildpack.uv.running import Uv

NAME = "venv-project"
SCHEME = "2"

# Backends that only read the tree, and that put nothing but metadata into an editable installation.
_STATIC_BACKENDS = frozenset(
    {"uv_build", "flit_core.buildapi", "hatchling.build", "pdm.backend", "poetry.core.masonry.api"}
)
# What backends take for licence files unless the project says which (PEP 639 leaves it to them).
_LICENCES = ("LICEN[CS]E*", "LICENSES/**/*", "COPYING*", "NOTICE*", "AUTHORS*")
_CODE = frozenset({"hooks", "dev-mode-exact", "run-setuptools", "custom-hook", "script", "generate-setup-file"})
# Settings of the same backends that put copies of files into an editable installation as well (tried with each).
_COPIES = frozenset({"force-include", "shared-data", "shared-scripts", "extra-metadata", "sbom-files", "wheel-data"})
# What setuptools leaves beside the source; nothing at run time needs it. Another backend's `build` may be what an
# editable installation loads (meson-python).
_LITTER = (".egg-info", "build")
_LITTERING = re.compile(r"setuptools\b.*")


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
    """Launch, and for later buildpacks where one asks for the environment."""
    return LayerTypes(launch=True, build=build)


def wanted(context: BuildContext, analysis: Analysis, python: PythonKey) -> Wanted[LocalKey] | None:
    """Return the layer as this build wants it; `None` without local packages. Raises `OSError` (an unreadable tree)."""
    packages = analysis.decisions.local
    if not packages:
        return None
    root, app_dir = analysis.project.root.directory, analysis.project.app_dir
    key = LocalKey(
        scheme=SCHEME,
        python=python.text(),
        target=analysis.target,
        path=str(context.layers_dir / NAME),
        venv=str(context.layers_dir / venv.NAME),
        app=str(root),
        build_environment=analysis.build_environment,
        packages=packages_text(packages, root, analysis.pyprojects, app_dir),
    )
    restored = context.restored.get(NAME)
    unreadable = restored is not None and app_links.read(restored.metadata) is None
    more = ("its links into the app directory cannot be read",) if unreadable else ()
    return reuse.wanted(context, NAME, key, on_disk=analysis.asked.venv, more=more)


def contribute(work: Work, layer: Wanted[LocalKey], uv: Uv, python: Path, *, venv_is_made: bool) -> Layer | ReusedLayer:
    """Make the layer, or take it from the previous image. Raises `Problem`, `OSError`."""
    if not layer.reasons:
        return reused(work, NAME, layer.metadata)
    analysis, directory, venv_layer = work.analysis, empty_layer(work.context, NAME), work.directory(venv.NAME)
    if not venv_is_made:
        # Console scripts start the environment's interpreter, which has to be there: an empty one will do.
        uv.make_venv(empty_layer(work.context, venv.NAME), work.context.app_dir, python)
    links = _fill(work, directory, uv, python, venv_layer)
    site_packages = making.contents.site_packages_below(directory, venv_layer)
    new = Layer(
        name=NAME,
        types=types(build=analysis.asked.venv),
        metadata=layer.metadata | {app_links.FIELD: app_links.text(links)},
        sboms=making.sbom.of_packages(site_packages, work.lock(), name=NAME),
    )
    return made(work, new, layer.reasons)


def lend(work: Work, uv: Uv, python: Path, environment: Path) -> None:
    """Make the layer of the previous image again, for this build to run it with `environment`; it goes at the end.

    Raises `Problem`, `OSError`.
    """
    if not work.directory(NAME).is_dir():
        _fill(work, empty_layer(work.context, NAME), uv, python, environment)


def _fill(work: Work, directory: Path, uv: Uv, python: Path, environment: Path) -> dict[str, str]:
    return install(
        directory,
        uv=uv,
        python=python,
        venv_layer=environment,
        project=work.analysis.project,
        scratch=work.scratch,
        packages=work.analysis.decisions.local,
        pyprojects=work.analysis.pyprojects,
    )


def packages_text(
    packages: Iterable[LocalPackage], root: Path, pyprojects: Mapping[str, Pyproject], app_dir: Path
) -> str:
    """Write the packages of a key, with the digest of what each is made from. Raises `OSError`."""
    described = {
        package.name: {
            "path": package.path,
            "editable": package.editable,
            "source": _source_digest(package, root / package.path, pyprojects.get(package.name), app_dir),
        }
        for package in packages
    }
    return json.dumps(dict(sorted(described.items())), separators=(",", ":"), sort_keys=True)


def install(  # noqa: PLR0913 (each is one fact of the installation)
    directory: Path,
    *,
    uv: Uv,
    python: Path,
    venv_layer: Path,
    project: Project,
    scratch: Path,
    packages: Sequence[LocalPackage],
    pyprojects: Mapping[str, Pyproject],
) -> dict[str, str]:
    """Fill the empty layer, and return the links that the app directory needs (`app_links`).

    `scratch` is an existing directory on the same file system.

    Editable packages are installed in place when that writes nothing into the tree, which the next build would not
    have; everything else is built from a copy of the app directory. Raises `Problem`, `OSError`.
    """
    root, app_dir = project.root.directory, project.app_dir
    editable = [package for package in packages if package.editable]
    copied = [package for package in packages if not package.editable]
    # The reference is made before any backend runs: what a backend changes in the tree is taken back from it.
    simple = not copied and all(_is_static(pyprojects.get(package.name)) for package in editable)
    reference = None if simple else tree.copy(app_dir, scratch / "app")
    if editable:
        before = tree.listing(app_dir)
        arguments = [word for package in editable for word in ("-e", f"./{package.path}")]
        uv.install_local(root, venv_layer, directory, arguments)
        copied += _undo(editable, project, before, reference, pyprojects)
    if copied:
        source = (reference or tree.copy(app_dir, scratch / "app")) / root.relative_to(app_dir)
        uv.install_local(source, venv_layer, directory, [f"./{package.path}" for package in copied])
        # They are installed beside each other, too, and may have files in common.
        paths = {package.name: package.path for package in copied}
        place = making.contents.site_packages_below(directory, venv_layer)
        for name in making.conflicts.unsettled(place, making.conflicts.find(place)):
            if name in paths:
                again = ["--reinstall-package", name, f"./{paths[name]}"]
                uv.install_local(source, venv_layer, directory, again)
    (directory / ".lock").unlink(missing_ok=True)
    site_packages = making.contents.site_packages_below(directory, venv_layer)
    making.contents.compile_packages(python, modules(site_packages))
    sources = {package.name: Path(os.path.normpath(root / package.path)) for package in copied}
    return app_links.find(directory, site_packages, sources, app_dir)


def _undo(
    editable: Sequence[LocalPackage],
    project: Project,
    before: tree.Listing,
    reference: Path | None,
    pyprojects: Mapping[str, Pyproject],
) -> list[LocalPackage]:
    """Take back what backends wrote into the tree, and give the packages that need it and so become copies."""
    root, app_dir = project.root.directory, project.app_dir
    written = tree.changed_since(app_dir, before)
    copies: list[LocalPackage] = []
    for path in written:
        original = reference / path.relative_to(app_dir) if reference else None
        owner = _owner(editable, path, root)
        if original is not None and original.is_file():
            shutil.copy2(original, path)
        elif path not in before:
            path.unlink(missing_ok=True)
        if owner and owner not in copies and not _is_litter(path, root / owner.path, pyprojects.get(owner.name)):
            log.step(f"{owner.name} writes {path.name} into its own tree when it is built: installed as a copy")
            copies.append(owner)
    tree.remove_empty_directories(app_dir, {path.parent for path in written})
    return copies


def _owner(editable: Sequence[LocalPackage], path: Path, root: Path) -> LocalPackage | None:
    owners = [package for package in editable if path.is_relative_to((root / package.path).absolute())]
    return max(owners, key=lambda package: len(package.path), default=None)


def _is_litter(path: Path, package: Path, pyproject: Pyproject | None) -> bool:
    backend = pyproject.table("build-system").get("build-backend", "setuptools") if pyproject else "setuptools"
    return _LITTERING.fullmatch(str(backend)) is not None and any(
        part.endswith(_LITTER[0]) or part == _LITTER[1] for part in path.relative_to(package).parts[:-1]
    )


def _is_static(pyproject: Pyproject | None) -> bool:
    """Tell whether an editable installation depends on nothing but the files that the metadata names."""
    if pyproject is None:
        return False
    system = pyproject.table("build-system")
    backend = system.get("build-backend")
    settings = [pyproject.table("tool", tool).get("build", {}) for tool in ("hatch", "pdm", "poetry")]
    return (
        backend in _STATIC_BACKENDS
        and "backend-path" not in system
        and "project" in pyproject.document
        and not pyproject.project.get("dynamic")
        and not any(_runs_code(table) for table in settings)
        and not _copies_files(pyproject)
        # Settings of the backends that are not in pyproject.toml.
        and not any((pyproject.directory / name).exists() for name in ("pdm_build.py", "hatch.toml"))
    )


def _copies_files(pyproject: Pyproject) -> bool:
    """Tell whether a backend other than hatchling and pdm (see `_COPIES`) copies files beside the package."""
    scripts = pyproject.table("tool", "poetry", "scripts").values()
    return bool(
        pyproject.table("tool", "flit").get("external-data")
        or pyproject.table("tool", "uv", "build-backend").get("data")
        or any(isinstance(script, dict) for script in scripts)
    )


def _runs_code(settings: object) -> bool:
    """Tell whether settings name code to run, files to copy, or an installation file by file; `hooks` may be nested."""
    if not isinstance(settings, dict):
        return True
    return bool((_CODE | _COPIES) & set(settings)) or any(
        _runs_code(table) for table in settings.values() if isinstance(table, dict)
    )


def _source_digest(package: LocalPackage, place: Path, pyproject: Pyproject | None, app_dir: Path) -> str:
    if place.is_file():
        return tree.file_digest(place)
    if package.editable and pyproject is not None and _is_static(pyproject):
        settings = json.dumps(build_reach.build_settings(pyproject), sort_keys=True, default=str)
        return tree.digest_of(place, _metadata_files(place, pyproject), [*_layout(place), f"settings {settings}"])
    return tree.digest(app_dir if build_reach.leads_out(place, pyproject) else place)


def _metadata_files(place: Path, pyproject: Pyproject) -> list[Path]:
    """Give the files whose contents go into the metadata of a static package, besides `pyproject.toml`."""
    project = pyproject.project
    readme = project.get("readme")
    named = readme.get("file") if isinstance(readme, dict) else readme
    licence = project.get("license")
    names = [named, licence.get("file") if isinstance(licence, dict) else None]
    patterns = project.get("license-files", _LICENCES)
    files = [*(place / name for name in names if isinstance(name, str)), *_globbed(place, patterns)]
    return sorted({path for path in files if path.is_file()} - {pyproject.path})


def _globbed(place: Path, patterns: object) -> Iterator[Path]:
    """Give what patterns match; hatchling's older form is a table of `paths` and `globs`."""
    for value in patterns.values() if isinstance(patterns, dict) else (patterns,):
        for pattern in value if isinstance(value, (list, tuple)) else ():
            # Backends refuse absolute and empty patterns in their own words.
            if isinstance(pattern, str) and pattern and not pattern.startswith("/"):
                yield from place.glob(pattern)


def _layout(place: Path) -> list[str]:
    """Give the names that decide what an editable installation points to: the top level, and that of `src`."""
    return sorted(
        path.relative_to(place).as_posix()
        for parent in (place, place / "src")
        if parent.is_dir()
        for path in parent.iterdir()
        if (path / "__init__.py").is_file() or path.suffix in {".py", ".pyi"}
    )
