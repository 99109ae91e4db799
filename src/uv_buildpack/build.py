"""The build, which reads like its log: analyse everything, announce it, act, return.

Nothing is downloaded or written before the analysis is done. The SDK writes the lifecycle's files from the result, and
only if all of it worked.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.layer import Layer, ReusedLayer
from cnb.result import BuildResult, empty_layer
from uv_buildpack import configuration as settings
from uv_buildpack import decisions, eol, gate, log, processes, sbom, secrets
from uv_buildpack.analysis import Analysis, analyse
from uv_buildpack.layers import python as python_layer
from uv_buildpack.layers import uv as uv_layer
from uv_buildpack.layers import venv, venv_project
from uv_buildpack.lockfile import Lock, read_lock
from uv_buildpack.reuse import Keys, Reasons, keys_of, reasons_for, sbom_digest
from uv_buildpack.uv import Uv, environment_for, with_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cnb.context import BuildContext

_SCRATCH = ".uv-buildpack"
"""Below the layers directory: the same mount as the layers, so that hard links work; without a `.toml` not exported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What was decided, for the part that acts."""

    context: BuildContext
    analysis: Analysis
    keys: Keys
    reasons: Reasons
    scratch: Path

    @property
    def checks_lock(self) -> bool:
        """The gate that these very files passed in the previous build counts."""
        return not self.analysis.recalled

    @property
    def installs(self) -> bool:
        return bool(self.reasons.venv or self.reasons.local)

    @property
    def borrows_python(self) -> bool:
        """The interpreter has to be there for this build, though its layer is taken from the previous image."""
        checks = self.checks_lock and not gate.own_interpreter_fits(self.analysis.project)
        return not self.reasons.python and (self.installs or checks)

    @property
    def python(self) -> Path:
        return python_layer.interpreter(self.directory(python_layer.NAME), self.analysis.decisions.python)

    def lock(self) -> Lock:
        """What is made anew is described by the lock; a hot build does not read it."""
        project = self.analysis.project
        return read_lock(project.lock_path, project.shown(project.lock_path))

    def directory(self, name: str) -> Path:
        return self.context.layers_dir / name


def build(context: BuildContext) -> BuildResult:
    """Build the layers of an app. Raises `Problem` or `Problems` (the reader can mend it), `OSError`."""
    log.title(f"uv buildpack {context.buildpack.version}")
    with log.timed("Analysing"):
        settings.warn_of_ignored_variables(context.environment)
        analysis = analyse(context)
        keys = keys_of(context, analysis)
        reasons = reasons_for(context, analysis, keys)
        _announce(analysis)
    with _scratch(context) as scratch:
        layers = _act(_Work(context=context, analysis=analysis, keys=keys, reasons=reasons, scratch=scratch))
    _link_environment(context, analysis)
    log.heading("Processes")
    processes.announce(analysis.processes)
    _show_layers(context, layers)
    return BuildResult(layers=tuple(layers), processes=analysis.processes.processes)


def _announce(analysis: Analysis) -> None:
    settings.announce(analysis.configuration)
    decided, project = analysis.decisions, analysis.project
    log.step(f"project: {project.pyproject.shown}, lock: {project.shown(project.lock_path)}")
    log.step(f"Python {decided.python.version}: {decided.python_reason}")
    chosen = [
        *decided.choice.packages,
        *(f"extra {name}" for name in decided.choice.extras),
        *(f"group {name}" for name in decided.choice.groups),
    ]
    log.step(f"packages for {', '.join(chosen)}: {len(decided.packages)} from the lock, {len(decided.local)} local")
    if decided.sdists:
        log.warning(f"No wheel fits, so these are built from source: {', '.join(decided.sdists)}.")
    eol.warn(decided.python.version, datetime.now(UTC).date())
    if (project.directory / ".venv" / "pyvenv.cfg").is_file():
        log.warning(
            "There is a .venv in the app directory. It is not used, and makes the image larger.",
            "Exclude it: add .venv to .dockerignore, or to `exclude` in project.toml.",
        )


def _act(work: _Work) -> list[Layer | ReusedLayer]:
    """Make what has to be made. Raises `Problem`, `OSError`."""
    layers: list[Layer | ReusedLayer] = []
    with log.timed("Python"):
        layers.append(_python(work))
    with log.timed("uv"):
        uv, layer = _uv(work)
        layers.append(layer)
    if work.checks_lock:
        with log.timed("Lock"):
            installed = partial(decisions.installed, decisions=work.analysis.decisions)
            gate.check_with_uv(uv, work.analysis.project, work.scratch, installed)
    with log.timed("Environment"):
        layers.append(_venv(work, uv))
    if work.keys.local is not None:
        with log.timed("Local packages"):
            layers.append(_venv_project(work, uv))
    if work.borrows_python:
        shutil.rmtree(work.directory(python_layer.NAME))
    return layers


def _python(work: _Work) -> Layer | ReusedLayer:
    """Make the `python` layer, or take it as it is."""
    name, build = python_layer.NAME, work.analysis.decisions.python
    if work.reasons.python or work.borrows_python:
        python_layer.contribute(
            build,
            empty_layer(work.context, name),
            mirror=work.analysis.configuration.python_mirror,
            environment=work.context.environment,
            compile_stdlib=bool(work.reasons.python),
        )
    if not work.reasons.python:
        return _reused(work, name)
    return _made(
        work,
        Layer(
            name=name,
            types=python_layer.types(build=work.analysis.asked.python),
            metadata=asdict(work.keys.python),
            environment=python_layer.ENVIRONMENT,
            sboms=sbom.of_python(build.version, url=python_layer.address(build), sha256=build.sha256),
        ),
        work.reasons.python,
    )


def _uv(work: _Work) -> tuple[Uv, Layer]:
    """Make the `uv` layer, and a uv to run. A version that is not carried is installed only if something needs it."""
    context, request = work.context, work.analysis.uv_request
    bound = secrets.read(context.bindings, work.scratch)
    on_disk = work.reasons.python or work.borrows_python
    uv = Uv(
        binary=uv_layer.find_carried(context.buildpack.directory, context.environment),
        environment=environment_for(context.environment, bound=bound, cache_dir=work.scratch / "uv-cache"),
    )
    uv = with_python(uv, work.python if on_disk else Path(sys.executable))
    directory = empty_layer(context, uv_layer.NAME)
    if work.checks_lock or work.installs or work.analysis.asked.uv or uv_layer.carried_fits(request):
        uv = replace(uv, binary=uv_layer.contribute(directory, uv=uv, request=request, app_dir=context.app_dir))
    return uv, Layer(name=uv_layer.NAME, types=uv_layer.TYPES, environment=uv_layer.ENVIRONMENT)


def _venv(work: _Work, uv: Uv) -> Layer | ReusedLayer:
    """Make the `venv` layer, or take it as it is."""
    name, analysis, directory = venv.NAME, work.analysis, work.directory(venv.NAME)
    noted = {"inputs": analysis.inputs, "decisions": decisions.write(analysis.decisions)}
    if not work.reasons.venv:
        return _reused(work, name, noted)
    venv.contribute(
        empty_layer(work.context, name),
        uv=uv,
        python=work.python,
        project_dir=analysis.project.directory,
        arguments=analysis.sync_arguments(),
        project_layer=work.directory(venv_project.NAME),
    )
    site_packages = venv.site_packages_of(directory)
    for line in venv.unexpected(site_packages, analysis.decisions.packages):
        log.warning(f"uv and the buildpack read the lock differently: {line}.", "Please report this with your uv.lock.")
    return _made(
        work,
        Layer(
            name=name,
            types=venv.types(build=analysis.asked.venv),
            metadata=asdict(work.keys.venv) | noted,
            environment=venv.environment(directory, work.python),
            sboms=sbom.of_packages(site_packages, work.lock()),
        ),
        work.reasons.venv,
    )


def _venv_project(work: _Work, uv: Uv) -> Layer | ReusedLayer:
    """Make the `venv-project` layer, or take it as it is."""
    name, analysis, environment = venv_project.NAME, work.analysis, work.directory(venv.NAME)
    if not work.reasons.local or work.keys.local is None:
        return _reused(work, name)
    directory = empty_layer(work.context, name)
    with _environment_to_install_for(work, uv):
        venv_project.contribute(
            directory,
            uv=uv,
            python=work.python,
            venv_layer=environment,
            project=analysis.project,
            scratch=work.scratch,
            packages=analysis.decisions.local,
            pyprojects=analysis.pyprojects,
        )
        site_packages = venv.site_packages_below(directory, environment)
        sboms = sbom.of_packages(site_packages, work.lock(), name=name)
    layer = Layer(
        name=name,
        types=venv_project.types(build=analysis.asked.venv),
        metadata=asdict(work.keys.local),
        sboms=sboms,
    )
    return _made(work, layer, work.reasons.local)


@contextmanager
def _environment_to_install_for(work: _Work, uv: Uv) -> Iterator[None]:
    """Scripts of local packages start the environment's interpreter; a reused environment gets an empty stand-in."""
    if work.reasons.venv:
        yield
        return
    environment = empty_layer(work.context, venv.NAME)
    uv.make_venv(environment, work.context.app_dir, work.python)
    yield
    shutil.rmtree(environment)


def _made(work: _Work, layer: Layer, reasons: Sequence[str]) -> Layer:
    """Log why a layer was made, and note the digest of its SBOM files: without them it is not reused."""
    known = layer.name in work.context.restored
    log.layer(layer.name, "changed because" if known else "created:", "\n".join(reasons))
    return replace(layer, metadata={**layer.metadata, "sbom": sbom_digest(layer.sboms)})


def _reused(work: _Work, name: str, noted: Mapping[str, str] | None = None) -> ReusedLayer:
    log.layer(name, "reused")
    restored = work.context.restored[name]
    metadata = {key: str(value) for key, value in restored.metadata.items()}
    # Its SBOM files are given again: a borrowed layer's were removed with its directory.
    return ReusedLayer(name=name, metadata=metadata | (noted or {}), sboms=restored.sboms)


def _link_environment(context: BuildContext, analysis: Analysis) -> None:
    wanted = analysis.configuration.environment_link
    if wanted is not None:
        link = context.app_dir / wanted
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(context.layers_dir / venv.NAME)
        log.step(f"{wanted} is a link to the environment")


def _show_layers(context: BuildContext, layers: Sequence[Layer | ReusedLayer]) -> None:
    log.heading("Layers")
    rows = [("layer", "for", "size")]
    for layer in layers:
        kinds = ", ".join(kind for kind, wanted in layer.types.document().items() if wanted)
        rows.append((layer.name, kinds, "reused" if isinstance(layer, ReusedLayer) else _size(context, layer)))
    log.table(rows)


def _size(context: BuildContext, layer: Layer) -> str:
    walked = os.walk(context.layers_dir / layer.name)
    sizes = [(Path(parent) / name).lstat().st_size for parent, _, names in walked for name in names]
    return f"{sum(sizes) / 1e6:.1f} MB in {len(sizes)} files"


@contextmanager
def _scratch(context: BuildContext) -> Iterator[Path]:
    directory = context.layers_dir / _SCRATCH
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
