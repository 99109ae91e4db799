"""Running `collectstatic` in the environment of the application; only a build that collects imports this.

https://docs.djangoproject.com/en/5.2/ref/contrib/staticfiles/#collectstatic
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack import command, log, package_data
from uv_buildpack.django.outcome import Outcome, inputs, read_outcome
from uv_buildpack.errors import InterpreterFailed
from uv_buildpack.layers import lock_parts, packages, venv_project
from uv_buildpack.layers.venv import contents
from uv_buildpack.layers.venv import key as venv
from uv_buildpack.project import django_files, tree
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.policy import STATIC_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uv_buildpack.django.request import StaticFiles
    from uv_buildpack.layers.work import Work
    from uv_buildpack.uv.running import Uv

_STAND_IN = "stand-in-for-collectstatic-only"
_NO_DATABASE = "sqlite://:memory:"
"""What django-environ and dj-database-url read as a database in memory, which needs no driver."""
_PATH = "/usr/bin:/bin"
_PROGRAM = "collect_static.py"
_NEVER_LISTED = frozenset({".venv", "node_modules"})
_LARGEST = 400 * 1000 * 1000
"""Bytes of an environment that is kept for static files alone, uncompressed."""
_INHERITED = ("HOME", "LD_LIBRARY_PATH", "TMPDIR")


def run(work: Work, static: StaticFiles, uv: Uv, python: Path) -> Outcome:
    """Collect static files into the app directory. Nothing else that the settings write there is left.

    Raises `Problem`, `OSError`.
    """
    app_dir = work.context.app_dir
    prefix = _environment(work, static, uv, python)
    # Settings are code, and may write anything anywhere in the app.
    before, directories = tree.listing(app_dir), _directories(app_dir)
    outcome = _run(work, static, prefix, python)
    root = app_dir / outcome.collected if outcome.collected else None
    _tidy(app_dir, root, before, directories)
    if root is not None:
        _normalise(root)
    # A file of a directory that is no source may change without a name or a digest telling.
    untraceable = any(_NEVER_LISTED.intersection(Path(path).parts) for path in outcome.reads)
    return replace(
        outcome,
        traceable=outcome.traceable and not untraceable,
        inputs=inputs(app_dir, static.present, outcome.reads),
    )


def _environment(work: Work, static: StaticFiles, uv: Uv, python: Path) -> Path:
    """Return the prefix of a complete environment: that of this build, or one that is made for the run only.

    The layer of an environment that did not change is in the previous image and not on this disk, and so may be those
    of heavy packages.
    """
    layer = work.directory(venv.NAME)
    if static.environment.reasons and not _heavy_packages_are_away(layer):
        prefix = layer
        _keep(work, static, prefix, missed=False)
    else:
        prefix = work.scratch / "environment"
        prefix.mkdir(mode=0o755)
        if not work.snapshots.take(STATIC_ENVIRONMENT, prefix, static.environment.metadata):
            _install(work, static, prefix, uv, python)
            _keep(work, static, prefix, missed=True)
    if static.local is not None and not static.local.reasons:
        venv_project.lend(work, uv, python, prefix)
    return prefix


def _install(work: Work, static: StaticFiles, prefix: Path, uv: Uv, python: Path) -> None:
    """Install what the environment has into a directory, for the run only."""
    shutil.rmtree(prefix)
    analysis, environment = work.analysis, static.environment
    uv.make_venv(prefix, analysis.project.directory, python)
    with work.snapshots.built_wheels(uv, analysis.decisions, venv.for_wheels(environment.key), work.uv_cache):
        uv.install(lock_parts.installing(work).third_party(prefix), analysis.project.directory, prefix)
    contents.write_link(prefix, work.directory(venv_project.NAME))


def _keep(work: Work, static: StaticFiles, prefix: Path, *, missed: bool) -> None:
    """Keep the environment for builds in which only static files change, with heavy packages in their places.

    What this build has `missed` is worth more of the cache.
    """
    layers = [path for path in work.context.layers_dir.glob(f"{packages.PREFIX}*") if path.is_dir()]
    size = sum(sum(tree.sizes(directory)) for directory in (prefix, *layers))
    if work.snapshots.directory is None or size > (_LARGEST if missed else file_format.TOO_LARGE_TO_TRY):
        return
    whole = work.scratch / "environment-to-keep"
    _link_all(prefix, whole, layers)
    work.snapshots.keep_environment(whole, static.environment.metadata, missed=missed)


def _link_all(source: Path, target: Path, layers: Sequence[Path]) -> None:
    """Make a directory with hard links to all files of another but bytecode; links into `layers` are followed."""
    target.mkdir()
    for path in source.iterdir():
        linked = path.is_symlink()
        followed = linked and path.is_dir() and any(path.resolve().is_relative_to(layer) for layer in layers)
        if path.name == "__pycache__":
            continue
        if followed or (path.is_dir() and not linked):
            _link_all(path, target / path.name, layers)
        else:
            os.link(path, target / path.name, follow_symlinks=False)


def _heavy_packages_are_away(layer: Path) -> bool:
    layers = {path.name for path in layer.parent.iterdir() if path.is_dir()}
    linked = (path.readlink() for path in contents.site_packages_of(layer).rglob("*") if path.is_symlink())
    names = {part for target in linked for part in target.parts if part.startswith(packages.PREFIX)}
    return not names <= layers


def _run(work: Work, static: StaticFiles, prefix: Path, python: Path) -> Outcome:
    program, answer = work.scratch / _PROGRAM, work.scratch / "collected.json"
    program.write_text(package_data.read(_PROGRAM), encoding="utf-8")
    manage = static.manage
    upload = "upload" if static.required else "stay"
    argv: list[str | Path] = [
        prefix / "bin" / "python",
        "-B",
        program,
        answer,
        work.context.app_dir,
        manage.name,
        upload,
    ]
    variables = _variables(work, static, prefix, python)
    done = command.run(argv, environment=variables, cwd=manage.parent)
    if not answer.is_file():
        raise InterpreterFailed(python, "collect static files", done.returncode, done.stderr or done.stdout)
    for line in (*done.stdout.splitlines(), *done.stderr.splitlines()):
        log.debug(line)
    return read_outcome(answer.read_bytes())


def _variables(work: Work, static: StaticFiles, prefix: Path, python: Path) -> dict[str, str]:
    """Return the run's variables: the user's, and what a process of the image has.

    A secret key signs sessions and tokens, and no static file depends on it, nor on a database. So settings that insist
    on them get stand-ins where the build has none; these are not in the image.
    """
    secrets = {"SECRET_KEY", "DJANGO_SECRET_KEY", *django_files.secret_variables(static.manage.parent)}
    environment = work.context.environment
    places = [f"{work.directory(venv_project.NAME)}/bin", f"{prefix}/bin", str(python.parent)]
    return {
        "HOME": str(work.scratch),
        **{name: environment[name] for name in _INHERITED if name in environment},
        "DATABASE_URL": _NO_DATABASE,
        **dict.fromkeys(secrets, _STAND_IN),
        **static.variables,
        "LC_ALL": "C.UTF-8",
        "PATH": ":".join([*places, environment.get("PATH", _PATH)]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "VIRTUAL_ENV": str(prefix),
    }


def _tidy(app_dir: Path, root: Path | None, before: tree.Listing, directories: set[Path]) -> None:
    """Remove what settings wrote beside the static files (logs, databases): the next build would not have it."""
    for path in tree.changed_since(app_dir, before):
        if root is not None and path.is_relative_to(root):
            continue
        shown = path.relative_to(app_dir)
        if path in before:
            log.warning(f"{shown} was changed when the settings were loaded, and is in the image as it is now.")
        else:
            path.unlink()
            log.debug(f"{shown} was written when the settings were loaded: removed")
    for path in sorted(_directories(app_dir) - directories, reverse=True):
        if not (root is not None and (path.is_relative_to(root) or root.is_relative_to(path))):
            shutil.rmtree(path)


def _directories(app_dir: Path) -> set[Path]:
    found: set[Path] = set()
    for parent, below, _ in os.walk(app_dir):
        below[:] = [name for name in below if name not in {*_NEVER_LISTED, "__pycache__", ".git"}]
        found.update(Path(parent, name) for name in below)
    return found


def _normalise(root: Path) -> None:
    """Set the same modes on files and directories whatever the umask. Raises `OSError`."""
    root.chmod(0o755)
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
