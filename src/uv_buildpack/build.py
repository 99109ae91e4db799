"""The build, which reads like its log: analyse everything, announce it, act, return.

Nothing is downloaded or written before the analysis is done. The SDK writes the lifecycle's files from the result, and
only if all of it worked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.layer import Layer, ReusedLayer, SBOMFormat
from cnb.result import BuildResult, empty_layer
from uv_buildpack import configuration as settings
from uv_buildpack import eol, gate, log, processes, sbom, secrets
from uv_buildpack.analysis import Analysis, analyse, build_environment, decisions_text, target_text
from uv_buildpack.errors import EnvironmentLinkOccupied, Problems
from uv_buildpack.layers import python as python_layer
from uv_buildpack.layers import uv as uv_layer
from uv_buildpack.layers import venv, venv_project
from uv_buildpack.uv import Uv, environment_for, with_python

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cnb.context import BuildContext
    from uv_buildpack.layers.python import PythonKey
    from uv_buildpack.layers.venv import VenvKey
    from uv_buildpack.layers.venv_project import LocalKey

_SCRATCH = ".uv-buildpack"
"""Below the layers directory: the same mount as the layers, so that hard links work; without a `.toml` not exported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The keys of this build's layers; `local` is `None` when no local package is installed."""

    python: PythonKey
    venv: VenvKey
    local: LocalKey | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Why each layer is made anew: lines for the log, none where it is reused without a directory."""

    python: tuple[str, ...]
    venv: tuple[str, ...]
    local: tuple[str, ...]


def build(context: BuildContext) -> BuildResult:
    """Build the layers of an app. Raises `Problem` or `Problems` (the reader can mend it), `OSError`."""
    log.title(f"uv buildpack {context.buildpack.version}")
    with _timed("Analysing"):
        settings.warn_of_ignored_variables(context.environment)
        analysis = analyse(context)
        plan_of_processes = _processes(context, analysis)
        keys = _keys(context, analysis)
        plan = _plan(context, analysis, keys)
        _announce(context, analysis)
    with _scratch(context) as scratch:
        layers = _act(context, analysis, keys, plan, scratch)
    _link_environment(context, analysis)
    with _timed("Processes"):
        processes.announce(plan_of_processes)
    _show_layers(context, layers)
    return BuildResult(layers=tuple(layers), processes=plan_of_processes.processes)


def _processes(context: BuildContext, analysis: Analysis) -> processes.ProcessPlan:
    configuration = analysis.configuration
    return processes.plan_processes(
        configuration.processes, configuration.default_process, context.app_dir, analysis.app_facts()
    )


def _keys(context: BuildContext, analysis: Analysis) -> Keys:
    decisions = analysis.decisions
    target = target_text(context.target)
    python = python_layer.key(decisions.python, context.layers_dir / python_layer.NAME)
    backends = build_environment(context.environment, decisions)
    environment = venv.VenvKey(
        scheme=venv.SCHEME,
        python=python.text(),
        target=target,
        path=str(context.layers_dir / venv.NAME),
        build_environment=backends if decisions.sdists else "",
        packages=venv.packages_text(decisions.packages),
    )
    if not decisions.local:
        return Keys(python=python, venv=environment, local=None)
    root = analysis.project.root.directory
    local = venv_project.LocalKey(
        scheme=venv_project.SCHEME,
        python=python.text(),
        target=target,
        path=str(context.layers_dir / venv_project.NAME),
        venv=environment.path,
        app=str(root),
        build_environment=backends,
        packages=venv_project.packages_text(decisions.local, root, analysis.pyprojects),
    )
    return Keys(python=python, venv=environment, local=local)


def _plan(context: BuildContext, analysis: Analysis, keys: Keys) -> Plan:
    """Decide which layers can be taken from the previous image as they are."""
    asked = analysis.asked
    local: tuple[str, ...] = ()
    if keys.local is not None:
        compare = partial(venv_project.differences, new=keys.local)
        local = _changes(context, venv_project.NAME, compare, on_disk=asked.venv)
    return Plan(
        python=_changes(
            context, python_layer.NAME, partial(python_layer.differences, new=keys.python), on_disk=asked.python
        ),
        venv=_changes(context, venv.NAME, partial(venv.differences, new=keys.venv), on_disk=asked.venv),
        local=local,
    )


def _changes(
    context: BuildContext, name: str, differences: Callable[[Mapping[str, object]], list[str]], *, on_disk: bool
) -> tuple[str, ...]:
    """Give why a layer cannot be reused without a directory; nothing when it can."""
    restored = context.restored.get(name)
    if restored is None:
        return ("not in the previous image",)
    lines = differences(restored.metadata)
    if lines:
        return tuple(lines)
    if restored.metadata.get("sbom") != _digest(restored.sboms):
        return ("its SBOM files are missing or were changed",)
    return ("a later buildpack asks for it",) if on_disk else ()


def _announce(context: BuildContext, analysis: Analysis) -> None:
    settings.announce(analysis.configuration)
    decisions = analysis.decisions
    log.step(f"project: {analysis.project.pyproject.shown}, lock: {analysis.project.shown(analysis.project.lock_path)}")
    log.step(f"Python {decisions.python.version}: {decisions.python_reason}")
    chosen = [
        *(f"package {name}" for name in decisions.choice.packages),
        *(f"extra {name}" for name in decisions.choice.extras),
        *(f"group {name}" for name in decisions.choice.groups),
    ]
    count = len(decisions.packages)
    log.step(f"{count} packages from the lock for {', '.join(chosen) or 'the project'}, {len(decisions.local)} local")
    if decisions.sdists:
        log.warning(f"Built from source, for lack of a wheel: {', '.join(decisions.sdists)}.")
    eol.warn(decisions.python.version, datetime.now(UTC).date())
    if (analysis.project.directory / ".venv" / "pyvenv.cfg").is_file():
        log.warning(
            "There is a .venv in the app directory. It is not used, and makes the image larger.",
            "Exclude it: add .venv to .dockerignore, or to `exclude` in project.toml.",
        )
    log.debug(f"layers: {context.layers_dir}")


def _act(
    context: BuildContext, analysis: Analysis, keys: Keys, plan: Plan, scratch: Path
) -> list[Layer | ReusedLayer]:
    """Make what has to be made. Raises `Problem`, `OSError`."""
    checks = not analysis.recalled
    interpreter_needed = bool(plan.venv or plan.local)
    python = python_layer.interpreter(context.layers_dir / python_layer.NAME, analysis.decisions.python)
    layers: list[Layer | ReusedLayer] = []
    with _timed("Python"):
        borrow = not plan.python and (interpreter_needed or (checks and not gate.own_interpreter_fits(analysis.project)))
        layers.append(_python(context, analysis, keys, plan, borrow=borrow))
    on_disk = bool(plan.python) or borrow
    interpreter = python if on_disk else Path(sys.executable)
    with _timed("uv"):
        uv, uv_value = _uv(context, analysis, scratch, interpreter, needed=checks or interpreter_needed)
        layers.append(uv_value)
    if checks:
        with _timed("Lock"):
            gate.check_with_uv(uv, analysis.project)
            log.step("uv.lock fits pyproject.toml")
    with _timed("Environment"):
        layers.append(_venv(context, analysis, keys, plan, uv, python))
    if keys.local is not None:
        with _timed("Local packages"):
            layers.append(_local(context, analysis, keys, plan, uv, python, scratch))
    if borrow:
        shutil.rmtree(context.layers_dir / python_layer.NAME)
    return layers


def _python(context: BuildContext, analysis: Analysis, keys: Keys, plan: Plan, *, borrow: bool) -> Layer | ReusedLayer:
    """Make the `python` layer, or take it as it is; borrowed, it is there during this build only."""
    name, key = python_layer.NAME, keys.python
    if plan.python or borrow:
        directory = empty_layer(context, name) if plan.python else _empty_directory(context, name)
        python_layer.contribute(
            analysis.decisions.python,
            directory,
            mirror=analysis.configuration.python_mirror,
            environment=context.environment,
            compile_stdlib=bool(plan.python),
        )
    if not plan.python:
        return _reused(context, name)
    log.layer(name, _state(context, name), "\n".join(plan.python))
    return _layer(
        Layer(
            name=name,
            types=python_layer.types(build=analysis.asked.python),
            metadata=asdict(key),
            environment=python_layer.ENVIRONMENT,
            sboms=sbom.of_python(analysis.decisions.python),
        )
    )


def _uv(
    context: BuildContext, analysis: Analysis, scratch: Path, interpreter: Path, *, needed: bool
) -> tuple[Uv, Layer]:
    """Make the `uv` layer, and a uv to run. A version that is not carried is installed only if something needs it."""
    bound = secrets.read(context.bindings, scratch)
    carried = Uv(
        binary=uv_layer.find_carried(context.buildpack.directory, context.environment),
        environment=environment_for(
            context.environment,
            cache_dir=scratch / "uv-cache",
            config_file=bound.config_file,
            netrc=bound.netrc,
            bound=bound.variables,
        ),
    )
    directory = empty_layer(context, uv_layer.NAME)
    value = Layer(name=uv_layer.NAME, types=uv_layer.TYPES, environment=uv_layer.ENVIRONMENT)
    pinned = with_python(carried, interpreter)
    if not (needed or analysis.asked.uv or uv_layer.carried_fits(analysis.uv_request)):
        return pinned, value
    binary = uv_layer.contribute(directory, carried=pinned, request=analysis.uv_request, app_dir=context.app_dir)
    return replace(pinned, binary=binary), value


def _venv(
    context: BuildContext, analysis: Analysis, keys: Keys, plan: Plan, uv: Uv, python: Path
) -> Layer | ReusedLayer:
    """Make the `venv` layer, or take it as it is."""
    name = venv.NAME
    decisions = {"inputs": analysis.inputs, "decisions": decisions_text(analysis.decisions)}
    if not plan.venv:
        if plan.local:
            # The scripts of local packages start the environment's interpreter, which has to be there to make them.
            uv.make_venv(_empty_directory(context, name), context.app_dir, python)
        return _reused(context, name, decisions)
    directory = empty_layer(context, name)
    venv.contribute(
        directory,
        uv=uv,
        python=python,
        project_dir=analysis.project.directory,
        arguments=analysis.sync_arguments(),
        project_layer=context.layers_dir / venv_project.NAME,
    )
    site_packages = venv.site_packages_of(directory)
    for line in venv.unexpected(site_packages, analysis.decisions.packages):
        log.warning(f"uv and the buildpack read the lock differently: {line}.", "Please report this with your uv.lock.")
    log.layer(name, _state(context, name), "\n".join(plan.venv))
    return _layer(
        Layer(
            name=name,
            types=venv.types(build=analysis.asked.venv),
            metadata=asdict(keys.venv) | decisions,
            environment=venv.environment(directory, python),
            sboms=sbom.of_packages(site_packages, analysis.decisions.packages),
        )
    )


def _local(  # noqa: PLR0913 (what was made so far)
    context: BuildContext, analysis: Analysis, keys: Keys, plan: Plan, uv: Uv, python: Path, scratch: Path
) -> Layer | ReusedLayer:
    """Make the `venv-project` layer, or take it as it is."""
    name = venv_project.NAME
    if not plan.local or keys.local is None:
        return _reused(context, name)
    environment = context.layers_dir / venv.NAME
    directory = empty_layer(context, name)
    venv_project.contribute(
        directory,
        uv=uv,
        python=python,
        venv_layer=environment,
        root=analysis.project.root.directory,
        app_dir=context.app_dir,
        scratch=scratch,
        packages=analysis.decisions.local,
        pyprojects=analysis.pyprojects,
    )
    log.layer(name, _state(context, name), "\n".join(plan.local))
    sboms = sbom.of_packages(venv.site_packages_below(directory, environment), {})
    if not plan.venv:
        shutil.rmtree(environment)
    return _layer(
        Layer(name=name, types=venv_project.types(build=analysis.asked.venv), metadata=asdict(keys.local), sboms=sboms)
    )


def _layer(layer: Layer) -> Layer:
    """Note the digest of the SBOM files: a layer without them is not reused."""
    return replace(layer, metadata={**layer.metadata, "sbom": _digest(layer.sboms)})


def _reused(context: BuildContext, name: str, more: Mapping[str, str] | None = None) -> ReusedLayer:
    restored = context.restored[name]
    log.layer(name, "reused")
    metadata = {key: str(value) for key, value in restored.metadata.items()}
    return ReusedLayer(name=name, metadata=metadata | (more or {}))


def _state(context: BuildContext, name: str) -> str:
    return "changed because" if name in context.restored else "created:"


def _digest(sboms: Mapping[SBOMFormat, bytes]) -> str:
    total = hashlib.sha256()
    for kind in SBOMFormat:
        total.update(sboms.get(kind, b"") + b"\0")
    return total.hexdigest()


def _empty_directory(context: BuildContext, name: str) -> Path:
    """Make a layer's directory for the time of this build; its metadata stays, since the layer is reused."""
    directory = context.layers_dir / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o755)
    return directory


def _link_environment(context: BuildContext, analysis: Analysis) -> None:
    wanted = analysis.configuration.environment_link
    if wanted is None:
        return
    link = context.app_dir / wanted
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(context.layers_dir / venv.NAME)
    log.step(f"{wanted} is a link to the environment")


@contextmanager
def _scratch(context: BuildContext) -> Iterator[Path]:
    directory = context.layers_dir / _SCRATCH
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _timed(title: str) -> Iterator[None]:
    """Head a step, and say at its end how long it took."""
    log.heading(title)
    begin = time.monotonic()
    yield
    log.step(f"done in {time.monotonic() - begin:.2f} s")


def _show_layers(context: BuildContext, layers: Sequence[Layer | ReusedLayer]) -> None:
    log.heading("Layers")
    rows = [("layer", "for", "size")]
    for layer in layers:
        kinds = [kind for kind, wanted in layer.types.document().items() if wanted]
        size = "reused" if isinstance(layer, ReusedLayer) else _size(context.layers_dir / layer.name)
        rows.append((layer.name, ", ".join(kinds), size))
    log.table(rows)


def _size(directory: Path) -> str:
    files = [Path(parent) / name for parent, _, names in os.walk(directory) for name in names]
    total = sum(path.lstat().st_size for path in files)
    return f"{total / 1e6:.1f} MB in {len(files)} files"
