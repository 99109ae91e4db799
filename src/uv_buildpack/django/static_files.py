"""When static files are collected, and what is kept of it, so that a build in which nothing changed runs no code.

What `collectstatic` makes depends on the environment, on variables, on the names of the app's files, and on the
contents of those that it opened: the run tells which. While all of these are equal its result is taken from a snapshot.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from cnb.launch import Slice
from uv_buildpack import log
from uv_buildpack.django.outcome import Outcome, check, inputs, names, read_outcome
from uv_buildpack.django.request import StaticFiles
from uv_buildpack.errors import CollectstaticImpossible
from uv_buildpack.project import django_files, tree
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.policy import STATIC_FILES

if TYPE_CHECKING:
    from pathlib import Path

    from uv_buildpack.analysis import Analysis
    from uv_buildpack.layers.reuse import Wanted
    from uv_buildpack.layers.venv.key import VenvKey
    from uv_buildpack.layers.venv_project import LocalKey
    from uv_buildpack.layers.work import Work
    from uv_buildpack.uv.running import Uv

_ANSWER, _FILES = "answer.json", "files"
# What the platform or the machine sets, or what is set for the run: no setting of the application's.
_NOT_THE_APPS = re.compile(
    r"PATH|LD_LIBRARY_PATH|LIBRARY_PATH|CPATH|PKG_CONFIG_PATH|HOME|HOSTNAME|TMPDIR|PWD|OLDPWD|SHLVL|_|LANG|LC_\w+"
    r"|(CNB|BP|UV|PIP|CONDA|SERVICE_BINDING)_\w+|PYTHON\w*|VIRTUAL_ENV|SSL_CERT_\w+|(?i:https?_proxy|no_proxy|all_proxy)"
)


def wanted(work: Work, environment: Wanted[VenvKey], local: Wanted[LocalKey] | None) -> StaticFiles | None:
    """Return what may have to be collected; `None` without Django, or where it is switched off.

    Raises `CollectstaticImpossible` (it was asked for), `OSError`.
    """
    analysis, app_dir = work.analysis, work.context.app_dir
    asked = analysis.configuration.collectstatic
    if asked == "false" or (asked == "auto" and "django" not in analysis.decisions.packages):
        return None
    required = asked == "true"
    manage = _manage(analysis, required=required)
    if manage is None:
        return None
    if not required and not django_files.static_root_is_mentioned(_directory(analysis)):
        log.debug("static files are not collected: no module mentions STATIC_ROOT")
        return None
    variables = work.context.environment.items()
    static = StaticFiles(
        manage=manage,
        required=required,
        environment=environment,
        local=local,
        variables={name: value for name, value in variables if not _NOT_THE_APPS.fullmatch(name)},
        present=names(app_dir),
    )
    # Recalled before anything is installed: a build that does not collect needs no environment.
    kept, files = _recall(work, static)
    return replace(static, kept=kept, kept_files=files)


def collects(static: StaticFiles | None) -> bool:
    """Return whether the application's code runs in this build."""
    return static is not None and static.kept is None


def contribute(work: Work, static: StaticFiles | None, uv: Uv, python: Path) -> tuple[Slice, ...]:
    """Collect, or put what was collected before into the app; returns the slice of the image that it becomes.

    Raises `Problem`, `OSError`.
    """
    if static is None:
        return ()
    app_dir = work.context.app_dir
    with log.timed("Static files"):
        if static.kept is not None:
            log.step("nothing that collectstatic read has changed: its result is taken from a snapshot")
            outcome = static.kept
            if outcome.collected and static.kept_files:
                _replace(app_dir / outcome.collected, static.kept_files)
        else:
            log.command(["python", static.manage.relative_to(app_dir), "collectstatic", "--no-input"])
            from uv_buildpack.django import collecting  # noqa: PLC0415 (a hot build does not pay for it)

            outcome = collecting.run(work, static, uv, python)
        check(outcome, required=static.required)
        if static.kept is None:
            _keep(work, static, outcome)
        if not outcome.collected:
            return ()
        sizes = tree.sizes(app_dir / outcome.collected)
        log.step(f"{outcome.collected}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB, in a slice of their own")
        return (Slice((_pattern(outcome.collected),)),)


def _manage(analysis: Analysis, *, required: bool) -> Path | None:
    if "django" not in analysis.decisions.packages:
        raise CollectstaticImpossible("Django is not installed", "Add django to the dependencies and run `uv lock`.")
    directory = _directory(analysis)
    found = django_files.find_manage(directory)
    if len(found) == 1:
        return found[0]
    reason = (
        f"there are several: {', '.join(path.relative_to(directory).as_posix() for path in found)}"
        if found
        else "there is no manage.py of Django in the project"
    )
    if required:
        raise CollectstaticImpossible(reason, "Set BP_UV_PROJECT_DIR to the directory of the one that is deployed.")
    log.debug(f"static files are not collected: {reason}")
    return None


def _directory(analysis: Analysis) -> Path:
    """Return the directory of the one member that is installed, else of the project."""
    chosen = [analysis.pyprojects[name] for name in analysis.configuration.members if name in analysis.pyprojects]
    return chosen[0].directory if len(chosen) == 1 else analysis.project.directory


def _recall(work: Work, static: StaticFiles) -> tuple[Outcome | None, Path | None]:
    """Return the outcome that an earlier build kept, if all that it depended on is as it was. Raises `OSError`."""
    snapshot = work.snapshots.find(STATIC_FILES)
    if snapshot is None or dict(snapshot.key) != static.key:
        return None, None
    app_dir, target = work.context.app_dir, work.scratch / "static-kept"
    target.mkdir()
    try:
        file_format.unpack(snapshot, target)
        outcome = read_outcome((target / _ANSWER).read_bytes())
    except (FileNotFoundError, ValueError):
        return None, None  # another version wrote it
    if outcome.inputs != inputs(app_dir, static.present, outcome.reads):
        return None, None
    files = target / _FILES
    return outcome, files if files.is_dir() else None


def _keep(work: Work, static: StaticFiles, outcome: Outcome) -> None:
    """Keep the outcome for the next build, whatever its size: every build needs the files in the app directory."""
    directory = work.snapshots.directory
    if directory is None:
        return
    if not outcome.traceable:
        file_format.forget(directory, STATIC_FILES)
        return
    kept = work.scratch / "static-to-keep"
    kept.mkdir()
    (kept / _ANSWER).write_text(json.dumps(asdict(outcome), sort_keys=True), encoding="utf-8")
    if outcome.collected:
        shutil.copytree(work.context.app_dir / outcome.collected, kept / _FILES, symlinks=True)
    file_format.keep(directory, STATIC_FILES, kept, static.key)
    work.snapshots.seal(STATIC_FILES)


def _replace(root: Path, files: Path) -> None:
    if root.is_dir():
        shutil.rmtree(root)
    root.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(files, root, symlinks=True)


def _pattern(path: str) -> str:
    """Return the pattern of a slice that matches a path and nothing else.

    https://github.com/buildpacks/lifecycle/blob/v0.21.17/layers/slices.go and https://pkg.go.dev/path/filepath#Match
    """
    return re.sub(r"([*?\[\\])", r"\\\1", path)
