"""Local packages are what `uv sync` makes of them for a developer: random packages of all build backends.

`PROJECTS` in the environment is the number of projects, `BACKENDS` a list of build backends (`all` for all that there
are): each has a package in every project. Without it those that `requirements/` pins are taken, twice. A failure names
the seed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.random_packages import BACKENDS, package
from structlog.testing import capture_logs
from uv import find_uv_bin

from trial import pins
from uv_buildpack.layers import local_install
from uv_buildpack.project import selection
from uv_buildpack.project.files import read_project, read_pyproject
from uv_buildpack.project.local_packages import LocalPackage, local_packages
from uv_buildpack.project.lockfile import read_lock
from uv_buildpack.uv.installing import FromProject
from uv_buildpack.uv.running import Bound, Uv, environment_for, with_python

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROJECTS = int(os.environ.get("PROJECTS", "1"))
PINNED = "setuptools,uv-build,setuptools,uv-build"
CHOSEN = os.environ.get("BACKENDS", PINNED).replace("all", ",".join(BACKENDS)).split(",")
PYTHON = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
# Of a build there are none of these: they hold times, or the directory of the build.
NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"})
BILL_OF_MATERIALS = ".cyclonedx.json"
"""Of maturin: it names the directory that the package was built in, which is another one for a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A workspace, and where things are installed."""

    app: App
    uv: Uv
    venv: Path
    """The same path for both: scripts name it."""
    scratch: Path


@pytest.fixture
def uv(tmp_path_factory: pytest.TempPathFactory) -> Uv:
    """The uv of the development environment, as the buildpack runs it; with one cache for all projects."""
    cache = tmp_path_factory.getbasetemp() / "uv-cache"
    cache.mkdir(exist_ok=True)
    found = Uv(binary=Path(find_uv_bin()), environment=environment_for(os.environ, bound=Bound(), cache_dir=cache))
    return with_python(found, PYTHON)


def plant(random: Random, app: App) -> None:
    """Write a workspace with a package of each backend, and lock it."""
    ends = ("", " é", " [1]#")
    places = [f"packages/{number} {backend}{random.choice(ends)}" for number, backend in enumerate(CHOSEN)]
    packages = [package(random, backend, number) for number, backend in enumerate(CHOSEN)]
    for place, each in zip(places, packages, strict=True):
        app.write({f"{place}/{path}": text for path, text in each.files.items()})
        for path in (app.directory / place).glob("programs/*"):
            path.chmod(0o755)
    names = [each.name for each in packages]
    sources = "".join(f'"{name}" = {{ workspace = true }}\n' for name in names)
    more = f"[tool.uv.sources]\n{sources}[tool.uv.workspace]\nmembers = ['packages/*']\n"
    app.write({"pyproject.toml": project("app", tuple(names), more=more)})
    pins.pin(app.directory)
    app.lock(variables={"UV_PYTHON": str(PYTHON)})


def by_uv(case: Case, arguments: Sequence[str]) -> dict[str, str]:
    """What `uv sync` adds to an environment; afterwards there is none, and the app is as it was."""
    kept = case.scratch / "kept"
    shutil.copytree(case.app.directory, kept, symlinks=True)
    case.uv.make_venv(case.venv, case.app.directory, PYTHON)
    before = contents(case.venv)
    done = subprocess.run(
        [case.uv.binary, "sync", "--frozen", "--inexact", "--no-default-groups", *arguments],
        cwd=case.app.directory,
        env={**case.uv.environment, "UV_PROJECT_ENVIRONMENT": str(case.venv)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {path: fact for path, fact in contents(case.venv).items() if path not in before}
    shutil.rmtree(case.venv)
    shutil.rmtree(case.app.directory)
    kept.rename(case.app.directory)
    return found


def by_us(case: Case, packages: Sequence[LocalPackage]) -> tuple[dict[str, str], list[str]]:
    """What our installation puts into a layer, and what it says of packages that become copies."""
    found = read_project(case.app.directory, ".")
    directory, scratch = case.scratch / "layer", case.scratch / "scratch"
    for place in (directory, scratch):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    before = contents(case.app.directory)
    installation = local_install.Installation(
        uv=case.uv,
        python=PYTHON,
        venv=case.venv,
        project=found,
        packages=packages,
        pyprojects={
            each.name: read_pyproject(case.app.directory, Path(case.app.directory, each.path, "pyproject.toml"))
            for each in packages
        },
        installing=FromProject([]),
        scratch=scratch,
        complete=False,
    )
    with capture_logs() as events:
        local_install.install(installation, directory)
    assert contents(case.app.directory) == before
    return contents(directory), [event["event"] for event in events if "installed as a copy" in event["event"]]


def is_note(path: str) -> bool:
    """Return whether a file is one that no two installations have alike."""
    return path.rpartition("/")[2] in NOTES or path.endswith(BILL_OF_MATERIALS)


def contents(directory: Path) -> dict[str, str]:
    """Each file with its mode and what is in it, without bytecode and notes of the installer."""
    found = {}
    for path in directory.rglob("*"):
        if path.is_file() and path.name != ".lock" and path.suffix != ".pyc" and not is_note(path.name):
            content = path.read_bytes()
            if path.name == "RECORD":
                lines = content.decode().splitlines()
                kept = (line for line in lines if not is_note(line.split(",")[0]))
                content = "\n".join(sorted(kept)).encode()
            mode = path.stat().st_mode & 0o111
            found[path.relative_to(directory).as_posix()] = f"{mode:o} {hashlib.sha256(content).hexdigest()}"
    return found


@pytest.mark.parametrize("seed", range(PROJECTS))
def test_files_entry_points_data_and_scripts_are_those_of_uv_sync(
    seed: int, app: App, uv: Uv, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    plant(Random(seed), app)  # noqa: S311 (inputs, no secrets)
    (tmp_path / "scratch").mkdir()
    case = Case(app=app, uv=uv, venv=tmp_path / "venv", scratch=tmp_path / "scratch")
    found = read_project(app.directory, ".")
    lock = read_lock(found.lock_path, "uv.lock")
    choice = selection.choose(lock, "app", selection.Choice(members=(), extras=(), groups=()))
    version = ".".join(str(part) for part in sys.version_info[:3])
    selected = selection.select(
        lock, choice, selection.Platform(python=version, machine=os.uname().machine, libc="gnu")
    )
    for no_editable in (True, False):
        packages = local_packages(selected, no_editable=no_editable)
        ours, copies = by_us(case, packages)
        copied = [each.name for each in packages if any(line.startswith(f"{each.name} ") for line in copies)]
        uv.forget([each.name for each in packages], app.directory)
        options = [word for name in copied for word in ("--no-editable-package", name)]
        theirs = by_uv(case, ["--no-editable"] if no_editable else options)
        assert _differences(ours, theirs) == []
        uv.forget([each.name for each in packages], app.directory)
        kind = "copies" if no_editable else f"in place ({', '.join(copied) or 'none'} as copies)"
        measured(f"seed {seed}: {len(packages)} packages as {kind}: {len(ours)} files as after `uv sync`")


def _differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> list[str]:
    return [
        f"{path}: {ours.get(path)}, uv: {theirs.get(path)}"
        for path in sorted({*ours, *theirs})
        if ours.get(path) != theirs.get(path)
    ]
