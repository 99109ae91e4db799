"""`scripts/try-heavy`: the functions for heavy packages on the real torch stack, about 7 GB; too large for CI."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trial.prerequisites import REPOSITORY, find_interpreters
from uv_buildpack.bytecode import compiling
from uv_buildpack.downloads.network import Network
from uv_buildpack.installed import heavy
from uv_buildpack.installed.distributions import read
from uv_buildpack.installed.heavy import links
from uv_buildpack.installed.heavy.records import records
from uv_buildpack.installed.heavy.survey import survey
from uv_buildpack.interpreter import catalogue, installation
from uv_buildpack.interpreter.catalogue import program
from uv_buildpack.layers import python as python_layer
from uv_buildpack.layers.venv import contents, key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DESCRIPTION = """\
Install torch with its CUDA packages, OpenCV, pyarrow, spaCy, scipy, scikit-learn, pandas and transformers with uv from
the package index; use each; move the heavy ones out; use them again as a user who may not write, or in a read-only
container; change a light package and then a heavy one while the layers of the others are away; use them again, and
compare with an environment that was made from nothing. Needs about 9 GB of disk.
"""
_STACK = [
    *("torch", "opencv-python-headless", "pyarrow", "spacy", "scipy", "scikit-learn", "pandas", "transformers"),
    *("fastapi", "sympy"),
]
_BEFORE = ["tqdm==4.66.5", "sympy==1.13.3"]
_LIGHT = ["tqdm==4.67.1", "sympy==1.13.3", "six==1.17.0"]
_HEAVY = ["tqdm==4.67.1", "sympy==1.14.0", "six==1.17.0"]
_SETTING = heavy.parse_setting("auto")
_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Bench:
    """Where all of it happens."""

    directory: Path
    interpreter: Path
    container: str | None

    @property
    def layers(self) -> Path:
        """The layers directory."""
        return self.directory / "layers"

    @property
    def environment(self) -> Path:
        """The `venv` layer."""
        return self.layers / key.NAME

    @property
    def site_packages(self) -> Path:
        """Where packages are installed."""
        return contents.site_packages_of(self.environment)

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.environment / "bin/python"


def main() -> int:
    """Run all of it; return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", type=Path, default=REPOSITORY / ".cache/heavy", help="default: %(default)s")
    parser.add_argument("--container", metavar="IMAGE", help="use the packages in a container with a read-only root")
    parser.add_argument("--keep", action="store_true", help="leave everything there")
    options = parser.parse_args()
    directory = options.directory.resolve()
    shutil.rmtree(directory / "layers", ignore_errors=True)
    (directory / "layers").mkdir(parents=True)
    try:
        return _try(Bench(directory, _interpreter(directory), options.container))
    finally:
        if not options.keep:
            shutil.rmtree(directory)


def _try(bench: Bench) -> int:
    _install(bench, _BEFORE)
    with _timed("compile"):
        compiling.compile_tree(bench.interpreter, bench.site_packages)
    before = _use(bench, "before anything is moved")
    bundles = _move(bench, ())
    _show(bundles)
    results = [
        _compare("after the move", before, _use(bench, "after the move")),
        _change_light(bench, bundles),
        _change_heavy(bench, bundles),
    ]
    return 0 if all(results) else 1


def _change_light(bench: Bench, bundles: tuple[heavy.Bundle, ...]) -> bool:
    """Change a package and add one while no heavy layer is there."""
    with _away(bench, bundles):
        with _timed("sync of a light change, heavy layers away"):
            _sync(bench, _LIGHT)
        same = _move(bench, bundles) == bundles
        damages = links.damages(read(bench.site_packages), (), {bundle.layer for bundle in bundles})
    _say(f"bundled as before: {same}; damages: {damages or 'none'}")
    _uv(bench, "pip", "check", "--python", str(bench.python))
    _use(bench, "after a light change")
    return same and not damages


def _change_heavy(bench: Bench, bundles: tuple[heavy.Bundle, ...]) -> bool:
    """Change a heavy package while the layers of the others are away; then make the same environment from nothing."""
    changed = tuple(bundle for bundle in bundles if bundle.packages[0].name == "sympy")
    kept = tuple(bundle for bundle in bundles if bundle not in changed)
    packages = [package for bundle in changed for package in bundle.packages]
    links.take_apart(bench.site_packages, packages)
    links.forget(read(bench.site_packages), {package.name for package in packages})
    shutil.rmtree(bench.layers / changed[0].layer)
    with _away(bench, kept), _timed("sync of a heavy change, other heavy layers away"):
        _sync(bench, _HEAVY)
        compiling.compile_files(bench.interpreter, _to_compile(bench.site_packages, changed[0]), "unchecked-hash")
        warm_bundles = _move(bench, kept)
    damages = links.damages(read(bench.site_packages), {bundle.layer for bundle in warm_bundles}, ())
    warm_use, warm = _use(bench, "after a heavy change"), _digests(bench)
    shutil.rmtree(bench.environment)
    for bundle in warm_bundles:
        shutil.rmtree(bench.layers / bundle.layer)
    _install(bench, _HEAVY)
    compiling.compile_tree(bench.interpreter, bench.site_packages)
    clean_bundles = _move(bench, ())
    clean = _digests(bench)
    differing = sorted(path for path in {*warm, *clean} if warm.get(path) != clean.get(path))
    _say(f"warm and clean: {len(clean)} files, directories and links, {len(differing)} differ {differing[:10]}")
    _say(f"bundled as a clean build: {warm_bundles == clean_bundles}; damages: {damages or 'none'}")
    clean_use = _use(bench, "made from nothing")
    return _compare("clean", warm_use, clean_use) and not differing and not damages and warm_bundles == clean_bundles


def _to_compile(site_packages: Path, changed: heavy.Bundle) -> list[Path]:
    """Return the modules of what changed, and those without bytecode; none behind a link."""
    names = {package.name for package in changed.packages}
    recorded = (path for record in records(read(site_packages)) if record.name in names for path in record.files)
    bare = (path for path in site_packages.rglob("*.py") if path.is_file() and not _is_compiled(path))
    return sorted({*(site_packages / path for path in recorded if path.endswith(".py")), *bare})


def _is_compiled(path: Path) -> bool:
    return any((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))


def _interpreter(directory: Path) -> Path:
    """Make the `python` layer, as a build does."""
    found = find_interpreters(os.environ, REPOSITORY / ".cache", _say)
    variables = {**os.environ, **found.variables(str(found.directory))}
    builds = catalogue.load(variables.get("BP_PYTHON_CATALOGUE"), Network(variables=variables))
    machine, running = os.uname().machine, ".".join(map(str, sys.version_info[:2]))
    fitting = (build for build in builds if (build.arch, build.libc, build.variant) == (machine, "gnu", "default"))
    build = next(build for build in fitting if build.version.startswith(f"{running}."))
    layer = directory / "layers" / python_layer.NAME
    layer.mkdir(parents=True)
    installation.install(build, layer, mirror=variables.get("BP_PYTHON_MIRROR"), network=Network(variables=variables))
    return program(layer, build)


def _install(bench: Bench, more: Iterable[str]) -> None:
    _uv(bench, "venv", "--quiet", "--no-project", "--python", str(bench.interpreter), str(bench.environment))
    with _timed("install"):
        _sync(bench, more)


def _sync(bench: Bench, more: Iterable[str]) -> None:
    """Lock a project with these requirements, and what it had, and sync the environment."""
    project = bench.directory / "project"
    project.mkdir(exist_ok=True)
    requirements = json.dumps([*_STACK, *more])
    python = f"=={'.'.join(bench.interpreter.name.removeprefix('python').split('.')[:2])}.*"
    text = f'[project]\nname = "stack"\nversion = "1"\nrequires-python = "{python}"\ndependencies = {requirements}\n'
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    _uv(bench, "sync", "--quiet", "--no-install-project", "--project", str(project))


def _uv(bench: Bench, *argv: str) -> None:
    places = {"UV_CACHE_DIR": str(bench.directory / "uv-cache"), "UV_PROJECT_ENVIRONMENT": str(bench.environment)}
    variables = {**os.environ, **places, "UV_PYTHON": str(bench.interpreter), "UV_PYTHON_DOWNLOADS": "never"}
    variables.pop("VIRTUAL_ENV", None)
    subprocess.run(["uv", *argv], env=variables, check=True)


def _move(bench: Bench, kept: tuple[heavy.Bundle, ...]) -> tuple[heavy.Bundle, ...]:
    """Bundle what is on disk with the remembered bundles, and move out what has not been."""
    remembered = [package for bundle in kept for package in bundle.packages]
    with _timed("survey"):
        surveyed = survey(read(bench.site_packages), _SETTING, {package.name for package in remembered})
    bundles = heavy.bundle([*surveyed, *remembered], _SETTING)
    with _timed("move out"):
        links.move_out(bench.site_packages, [bundle for bundle in bundles if bundle not in kept], bench.layers)
    return bundles


@contextmanager
def _away(bench: Bench, bundles: Iterable[heavy.Bundle]) -> Iterator[None]:
    """Hide the layers of bundles, as when the exporter takes them from the previous image."""
    hidden = bench.directory / "hidden"
    hidden.mkdir()
    for bundle in bundles:
        (bench.layers / bundle.layer).rename(hidden / bundle.layer)
    try:
        yield
    finally:
        for layer in hidden.iterdir():
            layer.rename(bench.layers / layer.name)
        hidden.rmdir()


def _use(bench: Bench, when: str) -> dict[str, object]:
    """Run `heavy_use.py` as somebody who may not write to the layers, and return what the uses gave."""
    _say(f"using everything {when}")
    program = Path(__file__).with_name("heavy_use.py").read_text(encoding="utf-8")
    argv = [str(bench.python), "-B", "-c", program]
    user = _NOBODY if os.geteuid() == 0 and not bench.container else None
    # Not a temporary directory: programs that a package starts look for their sockets after their parent has ended.
    home = bench.directory / "home"
    home.mkdir(exist_ok=True)
    home.chmod(0o777)
    done = subprocess.run(
        [*_container(bench), *argv[1:]] if bench.container else argv,
        stdout=subprocess.PIPE,
        check=False,
        text=True,
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)},
        user=user,
        group=user,
    )
    if done.returncode:
        sys.exit(f"{when}: it does not work")
    results: dict[str, object] = json.loads(done.stdout)
    return results


def _container(bench: Bench) -> list[str]:
    """Return the command that runs the environment's Python in a container: no network, and only /tmp is writable."""
    return [
        *("docker", "run", "--rm", "--read-only", "--network", "none", "--user", str(_NOBODY), "--shm-size", "256m"),
        *("--tmpfs", "/tmp", "--env", "HOME=/tmp", "--volume", f"{bench.layers}:{bench.layers}:ro"),  # noqa: S108 (its own)
        *("--entrypoint", str(bench.python), str(bench.container)),
    ]


def _compare(when: str, before: dict[str, object], after: dict[str, object]) -> bool:
    differing = [name for name in before if before[name] != after.get(name)]
    _say(f"{when}: {len(before)} uses, {'all as before' if not differing else f'different: {differing}'}")
    for name in differing:
        _say(f"  {name}: {before[name]}\n  now {after.get(name)}")
    return not differing


def _digests(bench: Bench) -> dict[str, str]:
    """Return everything in the layers but Python: mode and digest of files, where links lead."""
    found: dict[str, str] = {}
    for parent, directories, files in os.walk(bench.layers):
        if Path(parent) == bench.layers:
            directories.remove(python_layer.NAME)
        for path in (Path(parent, name) for name in (*directories, *files)):
            if path.is_symlink():
                found[str(path)] = f"-> {path.readlink()}"
            elif path.is_dir():
                found[str(path)] = f"{path.stat().st_mode:o}"
            elif path.name != ".lock":
                with path.open("rb") as file:
                    found[str(path)] = f"{path.stat().st_mode:o} {hashlib.file_digest(file, 'sha256').hexdigest()}"
    return found


def _show(bundles: tuple[heavy.Bundle, ...]) -> None:
    for bundle in bundles:
        names = ", ".join(package.name for package in bundle.packages)
        back = f", ways back: {', '.join(bundle.ways_back)}" if bundle.ways_back else ""
        _say(f"  {bundle.layer:<34} {bundle.size / 1e6:8.1f} MB  {names}{back}")
    _say(f"  {len(bundles)} layers, {sum(bundle.size for bundle in bundles) / 1e9:.2f} GB")


@contextmanager
def _timed(what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    _say(f"{what}: {time.monotonic() - started:.2f} s")


def _say(text: str) -> None:
    print(text, flush=True)
