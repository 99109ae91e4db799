"""The part of a build that acts: each layer is made, or taken from the previous image as it is."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.layer import Layer, ReusedLayer
from cnb.result import empty_layer
from uv_buildpack import decisions, environment, log
from uv_buildpack.errors import UvFailed
from uv_buildpack.installed import heavy
from uv_buildpack.layers import app_links, packages, venv, venv_project
from uv_buildpack.layers import python as python_layer
from uv_buildpack.layers import uv as uv_layer
from uv_buildpack.project import lock_check
from uv_buildpack.project.lockfile import read_lock
from uv_buildpack.reuse import packages_key, reasons_for_packages, sbom_digest
from uv_buildpack.uv import bindings
from uv_buildpack.uv.running import Uv, environment_for, with_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from cnb.context import BuildContext
    from uv_buildpack.analysis import Analysis
    from uv_buildpack.installed.heavy import Group
    from uv_buildpack.project.lockfile import Lock
    from uv_buildpack.reuse import Keys, Reasons
    from uv_buildpack.snapshots.policy import Store

_Layers = list[Layer | ReusedLayer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What was decided, for the part that acts. `scratch` is on the layers' file system, and goes at the end."""

    context: BuildContext
    analysis: Analysis
    keys: Keys
    reasons: Reasons
    scratch: Path
    store: Store

    @property
    def checks_lock(self) -> bool:
        """The gate that these very files passed in the previous build counts."""
        return not self.analysis.recalled

    @property
    def installs(self) -> bool:
        """Whether uv installs something."""
        return bool(self.reasons.venv or self.reasons.local)

    @property
    def borrows_python(self) -> bool:
        """Whether the interpreter has to be there for this build, though its layer comes from the previous image."""
        return not self.reasons.python and (self.installs or (self.checks_lock and not self.own_python_checks))

    @property
    def own_python_checks(self) -> bool:
        """Whether uv may check the lock with the buildpack's own interpreter."""
        return lock_check.own_interpreter_fits(self.analysis.project)

    @property
    def root(self) -> Path:
        """The directory that has `uv.lock`."""
        return self.analysis.project.root.directory

    @property
    def python(self) -> Path:
        """The interpreter of the python layer."""
        return python_layer.interpreter(self.directory(python_layer.NAME), self.analysis.decisions.python)

    @property
    def uv_cache(self) -> Path:
        """Uv's cache: on the layers' file system, so that it can link files into the environment."""
        return self.scratch / "uv-cache"

    def lock(self) -> Lock:
        """Read the lock, which describes what is made anew; a hot build does not."""
        project = self.analysis.project
        return read_lock(project.lock_path, project.shown(project.lock_path))

    def directory(self, name: str) -> Path:
        """Give the directory of a layer."""
        return self.context.layers_dir / name


def contribute(work: Work) -> _Layers:
    """Make what has to be made. Raises `Problem`, `OSError`."""
    layers: _Layers = []
    compiling = None
    # A download, a check that asks the index, and a compilation: none of them needs what another one makes.
    with ThreadPoolExecutor(max_workers=2) as background:
        with log.timed("uv"):
            uv, layer = _uv(work)
            layers.append(layer)
        checking = background.submit(uv.check_lock, work.root) if work.checks_lock and work.own_python_checks else None
        if work.reasons.python or work.borrows_python:
            with log.timed("Interpreter"):
                compiling = _put_python(work, background)
            uv = with_python(uv, work.python)
        if work.checks_lock:
            with log.timed("Lock"):
                check = checking.result if checking else partial(uv.check_lock, work.root)
                installed = partial(decisions.installed, decisions=work.analysis.decisions)
                lock_check.check_with_uv(check, uv, work.analysis.project, work.scratch, installed)
        with log.timed("Environment"):
            layers += _venv(work, uv)
        if work.keys.local is not None:
            with log.timed("Local packages"):
                layers.append(_venv_project(work, uv))
        with log.timed("Python"):
            if compiling is not None:
                compiling.result()
            layers.append(_python(work))
    return layers


def _put_python(work: Work, background: ThreadPoolExecutor) -> Future[None] | None:
    """Put the interpreter on the disk; its standard library is compiled while packages are installed."""
    directory = empty_layer(work.context, python_layer.NAME)
    if work.store.take(python_layer.NAME, directory, asdict(work.keys.python)):
        return None
    build = work.analysis.decisions.python
    mirror = work.analysis.configuration.python_mirror
    python_layer.contribute(build, directory, mirror=mirror, environment=work.context.environment)
    return background.submit(python_layer.compile_stdlib, build, directory) if work.reasons.python else None


def _python(work: Work) -> Layer | ReusedLayer:
    """Declare the `python` layer. One that was only borrowed is taken from the previous image."""
    name, build, key = python_layer.NAME, work.analysis.decisions.python, asdict(work.keys.python)
    if not work.reasons.python:
        shutil.rmtree(work.directory(name), ignore_errors=True)
        return _reused(work, name, key)
    from uv_buildpack import sbom  # noqa: PLC0415 (a hot build does not pay for it)

    work.store.keep(name, work.directory(name), key)
    layer = Layer(
        name=name,
        types=python_layer.types(build=work.analysis.asked.python),
        metadata=key,
        environment=python_layer.ENVIRONMENT,
        exec_d=python_layer.programs(),
        sboms=sbom.of_python(build.version, url=python_layer.address(build), sha256=build.sha256),
    )
    return _made(work, layer, work.reasons.python)


def _uv(work: Work) -> tuple[Uv, Layer]:
    """Make the `uv` layer, and a uv to run, with the buildpack's own interpreter until there is another.

    A version that is not carried is installed only if something needs it.
    """
    context, request = work.context, work.analysis.uv_request
    bound = bindings.read(context.bindings, work.scratch)
    uv = Uv(
        binary=uv_layer.find_carried(context.buildpack.directory, context.environment),
        environment=environment_for(context.environment, bound=bound, cache_dir=work.uv_cache),
    )
    uv = with_python(uv, Path(sys.executable))
    directory = empty_layer(context, uv_layer.NAME)
    if work.checks_lock or work.installs or work.analysis.asked.uv or uv_layer.carried_fits(request):
        root = work.analysis.project.root
        binary = uv_layer.contribute(
            directory, uv=uv, request=request, root=root.directory, settings=root.uv_settings()
        )
        uv = replace(uv, binary=binary)
    return uv, Layer(name=uv_layer.NAME, types=uv_layer.TYPES, environment=uv_layer.ENVIRONMENT)


def _venv(work: Work, uv: Uv) -> _Layers:
    """Make the `venv` layer and those of heavy packages, or take them as they are."""
    noted = {"inputs": work.analysis.inputs, "decisions": decisions.write(work.analysis.decisions)}
    if not work.reasons.venv:
        groups = work.keys.groups
        key = _venv_metadata(work, groups)
        return [_reused(work, venv.NAME, key, noted), *(_packages(work, group) for group in groups)]
    with work.store.built_wheels(uv, work.analysis.decisions, work.keys.venv, work.uv_cache):
        groups = _environment(work, uv)
    key = _venv_metadata(work, groups)
    directory = work.directory(venv.NAME)
    if not work.store.keep(venv.NAME, directory, key) and groups:
        _keep_heavy_part(work, groups, key)
    from uv_buildpack import sbom  # noqa: PLC0415 (a hot build does not pay for it)

    layer = Layer(
        name=venv.NAME,
        types=venv.types(build=work.analysis.asked.venv),
        metadata=key | noted,
        environment=venv.environment(directory, work.python),
        sboms=sbom.of_packages(venv.site_packages_of(directory), work.lock()),
    )
    return [_made(work, layer, work.reasons.venv), *(_packages(work, group) for group in groups)]


def _keep_heavy_part(work: Work, groups: Sequence[Group], key: Mapping[str, str]) -> None:
    """Keep of a large environment what its heavy packages have in it: the next one installs the others only."""
    identities = work.analysis.decisions.packages
    names = {package.name for group in groups for package in group.packages}
    light = environment.files_of(work.directory(venv.NAME), work.python, set(identities) - names, but=names)
    part = {name: identities[name] for name in names}
    work.store.keep_part(venv.NAME, work.directory(venv.NAME), {**key, "packages": venv.packages_text(part)}, light)


def _venv_metadata(work: Work, groups: Sequence[Group]) -> dict[str, str]:
    return asdict(work.keys.venv) | {"groups": heavy.to_text(groups)}


def _environment(work: Work, uv: Uv) -> tuple[Group, ...]:
    """Make the environment from its snapshot, if there is one that fits, else from nothing; give its heavy groups."""
    recipe = environment.Recipe(
        uv=uv,
        python=work.python,
        layer=work.directory(venv.NAME),
        layers_dir=work.context.layers_dir,
        project_dir=work.analysis.project.directory,
        project_layer=work.directory(venv_project.NAME),
        arguments=work.analysis.sync_arguments(),
        packages=work.analysis.decisions.packages,
        built=work.analysis.decisions.sdists,
        heavy=work.analysis.configuration.heavy_packages,
        is_reusable=lambda group: not _reasons_of(work, group),
        take=partial(_take_packages, work),
    )
    snapshot = work.store.find(venv.NAME)
    if snapshot is not None and venv.compatible(snapshot.key, work.keys.venv):
        _empty_environment(work)
        try:
            made = environment.make_warm(recipe, snapshot)
        except (OSError, ValueError, KeyError, StopIteration, UvFailed) as error:
            log.warning(f"The environment could not be made from its snapshot: {str(error).rstrip('.')}.")
            made = None
        if made is not None:
            return made
        log.step("making the environment from nothing")
    _empty_environment(work)
    return environment.make_cold(recipe)


def _empty_environment(work: Work) -> None:
    for directory in work.context.layers_dir.glob(f"{packages.PREFIX}*"):
        if directory.is_dir():
            empty_layer(work.context, directory.name).rmdir()
    empty_layer(work.context, venv.NAME)


def _take_packages(work: Work, group: Group) -> bool:
    directory = empty_layer(work.context, group.layer)
    taken = work.store.take(group.layer, directory, asdict(_packages_key(work, group)))
    if not taken:
        directory.rmdir()
    return taken


def _packages(work: Work, group: Group) -> Layer | ReusedLayer:
    """Declare a heavy layer; where the image has it, what may be on the disk of it is not needed."""
    directory = work.directory(group.layer)
    key, reasons = asdict(_packages_key(work, group)), _reasons_of(work, group)
    if not reasons:
        shutil.rmtree(directory, ignore_errors=True)
        return _reused(work, group.layer, key)
    work.store.keep(group.layer, directory, key)
    return _made(
        work, Layer(name=group.layer, types=packages.types(build=work.analysis.asked.venv), metadata=key), reasons
    )


def _packages_key(work: Work, group: Group) -> packages.PackagesKey:
    return packages_key(work.context, work.keys, work.analysis.decisions.packages, group)


def _reasons_of(work: Work, group: Group) -> tuple[str, ...]:
    return reasons_for_packages(work.context, _packages_key(work, group), group, on_disk=work.analysis.asked.venv)


def _venv_project(work: Work, uv: Uv) -> Layer | ReusedLayer:
    """Make the `venv-project` layer, or take it as it is."""
    name, analysis, venv_layer = venv_project.NAME, work.analysis, work.directory(venv.NAME)
    if not work.reasons.local or work.keys.local is None:
        return _reused(work, name, asdict(work.keys.local) if work.keys.local else {})
    from uv_buildpack import sbom  # noqa: PLC0415 (a hot build does not pay for it)

    directory = empty_layer(work.context, name)
    with _environment_to_install_for(work, uv):
        links = venv_project.contribute(
            directory,
            uv=uv,
            python=work.python,
            venv_layer=venv_layer,
            project=analysis.project,
            scratch=work.scratch,
            packages=analysis.decisions.local,
            pyprojects=analysis.pyprojects,
        )
        site_packages = venv.site_packages_below(directory, venv_layer)
        sboms = sbom.of_packages(site_packages, work.lock(), name=name)
    layer = Layer(
        name=name,
        types=venv_project.types(build=analysis.asked.venv),
        metadata=asdict(work.keys.local) | {app_links.FIELD: app_links.text(links)},
        sboms=sboms,
    )
    return _made(work, layer, work.reasons.local)


@contextmanager
def _environment_to_install_for(work: Work, uv: Uv) -> Iterator[None]:
    """Scripts of local packages start the environment's interpreter; a reused environment gets an empty stand-in."""
    if work.reasons.venv:
        yield
        return
    stand_in = empty_layer(work.context, venv.NAME)
    uv.make_venv(stand_in, work.context.app_dir, work.python)
    yield
    shutil.rmtree(stand_in)


def _made(work: Work, layer: Layer, reasons: Sequence[str]) -> Layer:
    """Log why a layer was made, and note the digest of its SBOM files: without them it is not reused."""
    known = layer.name in work.context.restored
    log.layer(layer.name, "changed because" if known else "created:", "\n".join(reasons))
    return replace(layer, metadata={**layer.metadata, "sbom": sbom_digest(layer.sboms)})


def _reused(work: Work, name: str, key: Mapping[str, str], noted: Mapping[str, str] | None = None) -> ReusedLayer:
    log.layer(name, "reused")
    work.store.note(name, key, hot=True)
    restored = work.context.restored[name]
    metadata = {key: str(value) for key, value in restored.metadata.items()}
    # Its SBOM files are given again: a borrowed layer's were removed with its directory.
    return ReusedLayer(name=name, metadata={**metadata, **(noted or {})}, sboms=restored.sboms)
