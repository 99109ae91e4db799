"""The build, which reads like its log: analyse everything, announce it, act, return.

Nothing is downloaded or written before the analysis is done. The SDK writes the lifecycle's files from the result, and
only if all of it worked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING

from cnb.layer import Layer, ReusedLayer
from cnb.result import BuildResult
from uv_buildpack import configuration as settings
from uv_buildpack import credentials, decisions, environment_link, ignored_variables, log
from uv_buildpack.analysis import Analysis, analyse
from uv_buildpack.django import static_files
from uv_buildpack.errors import LockedFilesMissing
from uv_buildpack.interpreter import end_of_life, runtime_file
from uv_buildpack.interpreter.catalogue import program
from uv_buildpack.layers import app_compiler, app_links, app_modules, making, venv_project
from uv_buildpack.layers import processes as processes_layer
from uv_buildpack.layers import python as python_layer
from uv_buildpack.layers import uv as uv_layer
from uv_buildpack.layers.venv import key as venv_key
from uv_buildpack.layers.venv import layer as venv
from uv_buildpack.layers.work import begun, give_back
from uv_buildpack.processes import plan
from uv_buildpack.project import lock_check, locks, tree, vcs_version
from uv_buildpack.uv.running import require_git, with_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from cnb.context import BuildContext
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.venv.key import VenvKey
    from uv_buildpack.layers.venv_project import LocalKey
    from uv_buildpack.layers.work import Work
    from uv_buildpack.uv.running import Uv


def build(context: BuildContext) -> BuildResult:
    """Build the layers of an app. Raises `Problem` or `Problems` (the reader can fix it), `OSError`."""
    _begin_log(context)
    with log.timed("Analysing"):
        ignored_variables.warn(context.environment)
        analysis = analyse(context)
        python = python_layer.wanted(context, analysis)
        local = venv_project.wanted(context, analysis, python.key)
        environment = venv.with_local(venv.wanted(context, analysis, python.key), context, analysis, local)
        _check_git(context, analysis, needed=environment.on_disk)
        _announce(context, analysis)
    checked = _when_checked(analysis)
    with begun(context, analysis) as started:
        static = static_files.wanted(started, environment, local)
        # Most builds change sources alone: they install nothing, and need neither uv nor the interpreter on the disk.
        installs = bool(environment.on_disk or (local and local.reasons) or static_files.collects(static))
        work = _supplied(started) if installs else started
        with log.timed("uv"):
            uv, uv_made = uv_layer.contribute(work, runs=installs or checked is not _Checked.ALREADY)
            layers: list[Layer | ReusedLayer] = [uv_made]
        # The check may ask an index, and takes seconds; unpacking the interpreter needs none of its answer.
        checking = work.background.start(partial(_lock_answer, work, uv)) if checked is _Checked.BESIDE else None
        with log.timed("Interpreter"):
            runs = installs or checked in {_Checked.WITH_INTERPRETER, _Checked.IN_ENVIRONMENT}
            layers.append(python_layer.contribute(work, python, runs=runs))
        interpreter = program(work.directory(python_layer.NAME), analysis.decisions.python)
        installing_uv = with_python(uv, interpreter)
        if checked in {_Checked.BESIDE, _Checked.WITH_INTERPRETER}:
            _check_lock(work, checking, uv if checking else installing_uv)
        with log.timed("Environment"):
            made = venv.contribute(work, environment, installing_uv, interpreter)
        if checked is _Checked.IN_ENVIRONMENT:
            _check_lock(work, None, with_python(uv, work.directory(venv_key.NAME) / "bin" / "python"))
        layers += _install_local(work, environment, local, made, installing_uv, interpreter)
        # Before anything looks at the app as a process will: `collectstatic`, and what compiles its modules.
        app_links.put_all(layers, context)
        slices = static_files.contribute(work, static, installing_uv, interpreter)
        # No code of packages or of the app runs after this.
        work.snapshots.refuse_changes()
        with log.timed("Application"):
            environment_link.make(context, analysis.configuration.environment_link)
            app_modules.contribute(context.app_dir, app_compiler.chosen(work, python), work.snapshots, work.scratch)
    give_back(work, layers)
    with log.timed("Snapshots"):
        # What goes on in the background has ended: a tree that is packed is complete.
        layers += work.snapshots.layers()
    log.heading("Processes")
    plan.announce(analysis.processes)
    layers += processes_layer.contribute(context, analysis.processes.one_worker, analysis.processes.variables)
    venv.warn_of_system_libraries(work, environment)
    log.heading("Layers")
    _show(context, layers)
    return BuildResult(layers=tuple(layers), processes=analysis.processes.all, slices=slices)


def _begin_log(context: BuildContext) -> None:
    log.keep_secret((*credentials.of_variables(context.environment), *credentials.of_bindings(context.bindings)))
    log.title(_version(context))


def _version(context: BuildContext) -> str:
    """Return the version, and the day of the data that a package comes with; a source checkout does not name it."""
    day = context.buildpack.metadata.get("data-of")
    return f"uv buildpack {context.buildpack.version}{f' (data of {day})' if day else ''}"


def _check_git(context: BuildContext, analysis: Analysis, *, needed: bool) -> None:
    """Check for git before anything is fetched. Raises `GitMissing`."""
    if needed:
        require_git(analysis.decisions.packages, context.environment)


def _announce(context: BuildContext, analysis: Analysis) -> None:
    settings.announce(analysis.configuration)
    decided, project = analysis.decisions, analysis.project
    log.step(f"project: {project.pyproject.shown}, lock: {project.shown(project.lock_path)}")
    log.step(f"Python {decided.python.version}: {decided.python_reason}")
    chosen = [
        *decided.choice.members,
        *(f"extra {name}" for name in decided.choice.extras),
        *(f"group {name}" for name in decided.choice.groups),
    ]
    log.step(f"packages for {', '.join(chosen)}: {len(decided.packages)} from the lock, {len(decided.local)} local")
    for reason in sorted(set(decided.sdists.values())):
        names = ", ".join(name for name, each in decided.sdists.items() if each == reason)
        log.warning(f"Built from source because {reason}: {names}.")
    runtime_file.warn(project, decided.python.version, decided.python_reason)
    end_of_life.warn(decided.python.version, datetime.now(UTC).date())
    if (project.directory / ".venv" / "pyvenv.cfg").is_file():
        log.warning(
            "There is a .venv in the app directory. It is not used, and makes the image larger.",
            "Exclude it: add .venv to `exclude` in project.toml. pack reads neither .dockerignore nor .gitignore.",
        )
    for line in vcs_version.unknown_versions(analysis.pyprojects, context.app_dir, context.environment):
        log.warning(line)


def _supplied(work: Work) -> Work:
    return replace(work, files=files_at_hand(work.analysis))


def files_at_hand(analysis: Analysis) -> Mapping[str, Path]:
    """Return the files of `BP_UV_FIND_LINKS` that the lock names. Raises `LockedFilesMissing`, `Problem`."""
    offline, places = analysis.configuration.offline, analysis.find_links
    if not offline and not places:
        return {}
    with log.timed("Local files"):
        project = analysis.project
        lock = locks.read(project)
        found = making.supply.survey(lock, analysis.decisions, analysis.pyprojects, places)
        shown = [project.shown(place) for place in places]
        if offline and (found.missing or found.wrong):
            raise LockedFilesMissing(found.missing, found.wrong, shown)
        for line in found.wrong:
            log.warning(f"{line}. It is not used.")
        log.step(f"{len(found.files)} files that {project.lock_name} names are in {', '.join(shown) or 'no directory'}")
        return found.files


class _Checked(Enum):
    """When uv checks the lock, and with which interpreter."""

    ALREADY = auto()
    """By the previous build, with these very files; or there is nothing to fit, as for a `pylock.toml`."""
    BESIDE = auto()
    """While the interpreter is unpacked, with the buildpack's own."""
    WITH_INTERPRETER = auto()
    """Before anything is installed."""
    IN_ENVIRONMENT = auto()
    """After all else is installed, since a backend needs that to say what its package depends on."""


def _when_checked(analysis: Analysis) -> _Checked:
    if analysis.recalled or analysis.project.pylock:
        return _Checked.ALREADY
    if analysis.decisions.checked_in_environment:
        return _Checked.IN_ENVIRONMENT
    early = lock_check.own_interpreter_fits(analysis.project, analysis.decisions.locked_python)
    return _Checked.BESIDE if early else _Checked.WITH_INTERPRETER


def _check_lock(work: Work, checking: Future[str | None] | None, uv: Uv) -> None:
    """Let uv check the lock, or wait for its answer. Raises `Problem`."""
    project = work.analysis.project
    check = checking.result if checking else partial(_lock_answer, work, uv)
    installed = partial(decisions.installed, decisions=work.analysis.decisions)
    dynamic = bool(work.analysis.decisions.dynamic)
    with log.timed("Lock"):
        lock_check.check_with_uv(check, uv, project, work.scratch, installed, dynamic=dynamic)


def _install_local(  # noqa: PLR0913, PLR0917 (two layers, and what both are made with)
    work: Work,
    environment: Wanted[VenvKey],
    local: Wanted[LocalKey] | None,
    made: list[Layer | ReusedLayer],
    uv: Uv,
    interpreter: Path,
) -> list[Layer | ReusedLayer]:
    """Return the layers of the environment, with links to local packages, and that of these. Raises `Problem`."""
    if local is None:
        return made
    with log.timed("Local packages"):
        layer = venv_project.contribute(work, local, uv, interpreter)
        remade = partial(venv.remade, work, environment, uv, interpreter)
        return [*venv.link(work, made, layer, remade), layer]


def _lock_answer(work: Work, uv: Uv) -> str | None:
    project, dynamic = work.analysis.project, bool(work.analysis.decisions.dynamic)
    return uv.check_lock(lock_check.place_to_check(project, work.scratch, dynamic=dynamic), project.script)


def _show(context: BuildContext, layers: Sequence[Layer | ReusedLayer]) -> None:
    rows = [("layer", "for", "size")]
    for layer in sorted(layers, key=lambda layer: layer.name):
        kinds = ", ".join(kind for kind, wanted in layer.types.document().items() if wanted)
        rows.append((layer.name, kinds, "reused" if isinstance(layer, ReusedLayer) else _size(context, layer)))
    log.table(rows)


def _size(context: BuildContext, layer: Layer) -> str:
    sizes = tree.sizes(context.layers_dir / layer.name)
    return f"{sum(sizes) / 1e6:.1f} MB in {len(sizes)} files"
