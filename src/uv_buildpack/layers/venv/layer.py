"""Contributing the `venv` layer and those of heavy packages: made from a snapshot or from scratch, or taken as they are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cnb.documents import json_table
from cnb.layer import Layer, LayerTypes, ReusedLayer, Scope, Variable
from cnb.result import empty_layer
from uv_buildpack import decisions, log
from uv_buildpack.errors import WorkFailed, page
from uv_buildpack.installed import heavy
from uv_buildpack.layers import making, packages, reuse, venv_project
from uv_buildpack.layers.venv import links
from uv_buildpack.layers.venv.key import NAME, SCHEME, VenvKey, compatible, for_wheels, packages_text
from uv_buildpack.layers.work import made, reused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.installed.distributions import SitePackages
    from uv_buildpack.installed.heavy import Bundle
    from uv_buildpack.layers.python import PythonKey
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.venv.cold import Made, Recipe
    from uv_buildpack.layers.venv_project import LocalKey
    from uv_buildpack.layers.work import Work
    from uv_buildpack.uv.running import Uv

    Remade = Callable[[tuple[str, ...]], list[Layer | ReusedLayer]]

_BUNDLES = "bundles"
"""The field of the layer's metadata that holds its heavy bundles."""


def key(context: BuildContext, analysis: Analysis, python: PythonKey) -> VenvKey:
    """Return the key of the environment that this build will have."""
    decided = analysis.decisions
    return VenvKey(
        scheme=SCHEME,
        python=python.text(),
        target=analysis.target,
        venv=str(context.layers_dir / NAME),
        build_environment=analysis.build_environment if decided.sdists else "",
        heavy_packages=str(analysis.configuration.heavy_packages),
        packages=packages_text(decided.packages),
    )


def wanted(context: BuildContext, analysis: Analysis, python: PythonKey) -> Wanted[VenvKey]:
    """Return the environment as this build wants it."""
    layer = reuse.wanted(context, NAME, key(context, analysis, python), on_disk=analysis.asked.venv)
    return replace(layer, reasons=layer.reasons or _lost_packages(context, analysis, layer.key))


def with_local(
    layer: Wanted[VenvKey], context: BuildContext, analysis: Analysis, local: Wanted[LocalKey] | None
) -> Wanted[VenvKey]:
    """Add what local packages are the reason of: they are built in the environment, or it has other links to them."""
    if layer.reasons:
        return layer
    if not analysis.recalled and (names := analysis.decisions.checked_in_environment):
        layer = replace(layer, borrowers=(f"checking the lock builds {', '.join(names)} in it",))
    if local is not None and local.reasons:
        # Which files they will have is not known before they are installed.
        names = analysis.decisions.in_environment
        return replace(layer, borrowers=layer.borrowers or tuple(f"the build of {name} sees it" for name in names))
    restored = {name: context.restored[name].metadata for name in (NAME, venv_project.NAME) if name in context.restored}
    wanted_links = links.read(restored.get(venv_project.NAME, {})) if local is not None else links.NONE
    if wanted_links is None:
        return replace(layer, reasons=("it is unknown which files of local packages are linked",))
    return replace(layer, reasons=links.differences(links.read(restored[NAME]), wanted_links.files))


def remade(
    work: Work, layer: Wanted[VenvKey], uv: Uv, python: Path, reasons: tuple[str, ...]
) -> list[Layer | ReusedLayer]:
    """Make an environment that would be reused, for other reasons. Raises `Problem`, `OSError`."""
    return contribute(work, replace(layer, reasons=reasons), uv, python)


def link(
    work: Work, layers: list[Layer | ReusedLayer], local: Layer | ReusedLayer, remade: Remade
) -> list[Layer | ReusedLayer]:
    """Link the environment, the first of `layers`, to local packages.

    `remade` makes the environment for the reasons it is given, where it is reused and has other links. Raises
    `Problem`, `OSError`.
    """
    wanted_links = links.read(local.metadata) or links.NONE
    if isinstance(layers[0], ReusedLayer):
        reasons = links.differences(links.read(layers[0].metadata), wanted_links.files)
        if not reasons:
            return layers
        layers = remade(reasons)
    made_links = links.put(work.directory(NAME), work.directory(venv_project.NAME), wanted_links.files)
    first = layers[0]
    if made_links.files:
        first = replace(first, metadata={**first.metadata, links.FIELD: made_links.text()})
    return [first, *layers[1:]]


def types(*, build: bool) -> LayerTypes:
    """Return the types: for launch, and for later buildpacks if one asks."""
    return LayerTypes(launch=True, build=build)


def environment(layer: Path) -> tuple[Variable, ...]:
    """Return what the layer sets (`PATH` is the lifecycle's work)."""
    return (
        Variable(name="VIRTUAL_ENV", value=str(layer)),
        Variable(name="UV_PROJECT_ENVIRONMENT", value=str(layer), scope=Scope.BUILD),
        # The environment's own: `uv pip` of a later buildpack acts on the interpreter that this names (uv 0.13.9), as
        # `uv sync` and `uv run` act on UV_PROJECT_ENVIRONMENT. It hides the one that the python layer sets.
        # https://docs.astral.sh/uv/reference/environment/#uv_python
        Variable(name="UV_PYTHON", value=str(layer / "bin" / "python"), scope=Scope.BUILD),
    )


def contribute(work: Work, layer: Wanted[VenvKey], uv: Uv, python: Path) -> list[Layer | ReusedLayer]:
    """Make the layer and those of heavy packages, or take them as they are. Raises `Problem`, `OSError`."""
    decided = work.analysis.decisions
    # Not a part of the key: an input may change, such as a comment, and the environment stays what it is.
    noted = {"inputs": work.analysis.inputs, "decisions": decisions.write(decided)}
    if not layer.reasons:
        for line in layer.borrowers:
            log.step(f"needed on the disk: {line}")
        if layer.borrowers:
            _put(work, layer, uv, python)
        bundles = remembered_bundles(work.context) or ()
        key = layer.metadata | {_BUNDLES: heavy.to_text(bundles)}
        return [reused(work, NAME, key, noted, hot=not layer.borrowers), *_bundles(work, layer.key, bundles)]
    bundles, installed, key = _put(work, layer, uv, python)
    directory = work.directory(NAME)
    new = Layer(
        name=NAME,
        types=types(build=work.analysis.asked.venv),
        metadata=key | noted,
        environment=environment(directory),
        sboms=making.sbom.of_packages(installed, work.lock()),
    )
    return [made(work, new, layer.reasons), *_bundles(work, layer.key, bundles)]


def _put(
    work: Work, layer: Wanted[VenvKey], uv: Uv, python: Path
) -> tuple[tuple[Bundle, ...], SitePackages, dict[str, str]]:
    """Make the environment and keep its snapshot; return heavy bundles, what is installed, and the metadata."""
    with work.snapshots.built_wheels(uv, work.analysis.decisions, for_wheels(layer.key), work.uv_cache):
        bundles, installed = _make(work, layer.key, uv, python)
    key = layer.metadata | {_BUNDLES: heavy.to_text(bundles)}
    # What heavy packages leave in a large environment is small, and enough for the next one to start from.
    if not work.snapshots.keep(NAME, work.directory(NAME), key) and bundles:
        _keep_heavy_part(work, installed, python, bundles, key)
    return bundles, installed, key


def warn_of_system_libraries(work: Work, layer: Wanted[VenvKey]) -> None:
    """Warn of libraries that packages need of the system, where the environment was made. Raises `OSError`."""
    if layer.reasons:
        directory = work.directory(NAME)
        site_packages = making.contents.site_packages_of(directory).relative_to(directory).as_posix()
        search = work.context.environment.get("LD_LIBRARY_PATH", "")
        about = work.context.buildpack
        address = page(about.homepage, about.version, "native-libraries")
        making.system_libraries.warn(work.context.layers_dir, site_packages, search, address)


def remembered_bundles(context: BuildContext) -> tuple[Bundle, ...] | None:
    """Return the heavy bundles of the previous image's environment; `None` if they cannot be read."""
    restored = context.restored.get(NAME)
    if restored is None:
        return ()
    text = restored.metadata.get(_BUNDLES)
    try:
        return heavy.from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _lost_packages(context: BuildContext, analysis: Analysis, key: VenvKey) -> tuple[str, ...]:
    """Return why an environment is useless although its key is equal: its links are broken, or unknown."""
    bundles = remembered_bundles(context)
    if bundles is None:
        return ("it is unknown which packages have layers of their own",)
    identities = analysis.decisions.packages
    layers = [packages.wanted(context, bundle, key, identities, on_disk=False) for bundle in bundles]
    return tuple(f"{layer.name}: {reason}" for layer in layers for reason in layer.reasons)


def _make(work: Work, key: VenvKey, uv: Uv, python: Path) -> Made:
    """Make the environment from its snapshot, if there is one that fits, else from scratch."""
    snapshot = work.snapshots.find(NAME)
    if snapshot is not None and compatible(snapshot.key, key) and not _built_in_it(work, snapshot.key):
        _empty_environment(work)
        try:
            warm = making.warm.make(_recipe(work, key, uv, python, snapshot.key), snapshot)
        # Whatever is wrong with a snapshot: the build can do without one.
        except (OSError, ValueError, KeyError, WorkFailed) as error:
            log.warning(f"The environment could not be restored from its snapshot: {str(error).rstrip('.')}.")
            warm = None
        if warm is not None:
            return warm
        log.step("creating the environment from scratch")
    _empty_environment(work)
    return making.cold.make(_recipe(work, key, uv, python, {}))


def _built_in_it(work: Work, snapshot: Mapping[str, str]) -> bool:
    """Return whether a package has to be built without isolation: it would see what is left of another environment."""
    known, decided = json_table(snapshot["packages"], "packages"), work.analysis.decisions
    names = [
        name
        for name in decided.sdists
        if decided.sees.get(name) == decisions.EVERYTHING and known.values.get(name) != decided.packages[name]
    ]
    if names:
        log.step(f"{', '.join(names)}: built without isolation, so the whole environment is rebuilt from scratch")
    return bool(names)


def _recipe(work: Work, key: VenvKey, uv: Uv, python: Path, snapshot: Mapping[str, str]) -> Recipe:
    analysis, identities = work.analysis, work.analysis.decisions.packages
    bundles = heavy.from_text(snapshot[_BUNDLES]) if snapshot else ()
    asked = analysis.asked.venv
    layers = [packages.wanted(work.context, bundle, key, identities, on_disk=asked) for bundle in bundles]
    return making.cold.Recipe(
        context=work.context,
        key=key,
        uv=uv,
        python=python,
        layer=work.directory(NAME),
        project_dir=_project_dir(work),
        project_layer=work.directory(venv_project.NAME),
        installing=making.lock_parts.installing(work),
        packages=identities,
        built=analysis.decisions.sdists,
        unisolated=_unisolated(analysis),
        heavy=analysis.configuration.heavy_packages,
        snapshots=work.snapshots,
        addresses=making.supply.addresses(work.lock(), work.files) if work.files else {},
        # What is built in the environment needs all of it on the disk.
        reusable=frozenset(
            layer.name for layer in layers if not layer.reasons and not analysis.decisions.in_environment
        ),
    )


def _unisolated(analysis: Analysis) -> list[str]:
    # `uv pip sync`, which installs from a pylock.toml, cannot leave packages out.
    names = [] if analysis.project.pylock else analysis.decisions.sdists
    return [name for name in names if analysis.decisions.is_unisolated(name)]


def _project_dir(work: Work) -> Path:
    """Return where uv syncs: the project, or a copy whose lock leads to local files."""
    project = work.analysis.project
    target = work.scratch / "supplied"
    if not work.files or project.pylock:
        return project.directory
    if target.is_dir():
        return target / project.directory.relative_to(project.app_dir)
    return making.supply.overlay(project, work.files, target)


def _empty_environment(work: Work) -> None:
    # Heavy layers of an attempt that failed would be taken for parts of the next one.
    for directory in work.context.layers_dir.glob(f"{packages.PREFIX}*"):
        if directory.is_dir():
            empty_layer(work.context, directory.name).rmdir()
    empty_layer(work.context, NAME)


def _bundles(work: Work, key: VenvKey, bundles: Sequence[Bundle]) -> list[Layer | ReusedLayer]:
    """Declare the layers of heavy packages; what the image has of them is taken from there, even if it was made."""
    layers: list[Layer | ReusedLayer] = []
    asked = work.analysis.asked.venv
    for bundle in bundles:
        layer = packages.wanted(work.context, bundle, key, work.analysis.decisions.packages, on_disk=asked)
        if layer.reasons:
            work.snapshots.keep(layer.name, work.directory(layer.name), layer.metadata)
            new = Layer(name=layer.name, types=packages.types(build=asked), metadata=layer.metadata)
            layers.append(made(work, new, layer.reasons))
        else:
            layers.append(reused(work, layer.name, layer.metadata))
    return layers


def _keep_heavy_part(
    work: Work, installed: SitePackages, python: Path, bundles: Sequence[Bundle], key: Mapping[str, str]
) -> None:
    """Keep of a large environment what its heavy packages have in it: the next one installs the others only."""
    identities = work.analysis.decisions.packages
    names = {package.name for bundle in bundles for package in bundle.packages}
    light = making.contents.files_of(installed, python, set(identities) - names, but=names)
    part = {name: identities[name] for name in names}
    work.snapshots.keep_part(NAME, work.directory(NAME), {**key, "packages": packages_text(part)}, light)
