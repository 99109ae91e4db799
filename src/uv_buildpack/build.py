"""The build, which reads like its log: analyse everything, announce it, act, return.

Nothing is downloaded or written before the analysis is done. The SDK writes the lifecycle's files from the result, and
only if all of it worked.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cnb.layer import Layer, ReusedLayer
from cnb.result import BuildResult
from uv_buildpack import configuration as settings
from uv_buildpack import log
from uv_buildpack.analysis import Analysis, analyse
from uv_buildpack.contribution import Work, contribute
from uv_buildpack.interpreter import end_of_life
from uv_buildpack.layers import app_links, app_modules, processes, venv
from uv_buildpack.processes import plan
from uv_buildpack.project import tree, vcs_version
from uv_buildpack.reuse import keys_of, reasons_for
from uv_buildpack.snapshots.policy import open_store
from uv_buildpack.uv.running import require_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cnb.context import BuildContext

_SCRATCH = ".uv-buildpack"
"""Below the layers directory: the same mount as the layers, so that hard links work; without a `.toml` not exported."""


def build(context: BuildContext) -> BuildResult:
    """Build the layers of an app. Raises `Problem` or `Problems` (the reader can mend it), `OSError`."""
    log.title(f"uv buildpack {context.buildpack.version}")
    with log.timed("Analysing"):
        settings.warn_of_ignored_variables(context.environment)
        analysis = analyse(context)
        keys = keys_of(context, analysis)
        reasons = reasons_for(context, analysis, keys)
        if reasons.venv:
            require_git(analysis.decisions.packages, context.environment)
        _announce(analysis)
        for line in vcs_version.unknown_versions(analysis.pyprojects, context.app_dir, context.environment):
            log.warning(line)
    with _scratch(context) as scratch:
        store = open_store(context, analysis.configuration.snapshots)
        layers = contribute(
            Work(context=context, analysis=analysis, keys=keys, reasons=reasons, scratch=scratch, store=store)
        )
        for layer in layers:
            app_links.put(app_links.read(layer.metadata) or {}, context.app_dir, context.layers_dir / layer.name)
        _link_environment(context, analysis)
        app_modules.contribute(context.app_dir, analysis.decisions.python, store, scratch)
        layers = [*layers, *store.layers()]
    log.heading("Processes")
    plan.announce(analysis.processes)
    layers += processes.contribute(context, analysis.processes.one_worker)
    layers.sort(key=lambda layer: layer.name)
    _show_layers(context, layers)
    return BuildResult(layers=tuple(layers), processes=analysis.processes.all)


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
        names = ", ".join(decided.sdists)
        log.warning(f"Built from source (no wheel fits, or a git repository, or a setting): {names}.")
    end_of_life.warn(decided.python.version, datetime.now(UTC).date())
    if (project.directory / ".venv" / "pyvenv.cfg").is_file():
        log.warning(
            "There is a .venv in the app directory. It is not used, and makes the image larger.",
            "Exclude it: add .venv to .dockerignore, or to `exclude` in project.toml.",
        )


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
    sizes = tree.sizes(context.layers_dir / layer.name)
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
