"""What this machine has for the tests: CPythons to make archives of, and platforms."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from base_image import layouts
from checks.platforms import availabilities
from cnb_platform.platform_embedded import Embedded
from cnb_platform.platform_lifecycle import Lifecycle
from cnb_platform.platform_pack import Pack
from environment import alone
from trial.prerequisites import REPOSITORY, Interpreters, make_archive, releases_answer, run
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter import catalogue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cnb_platform.platforms import Platform

EMBEDDED, CONTAINERS, LIFECYCLE, PACK = "embedded", "containers", "lifecycle", "pack"
_NAMES = {"embedded": EMBEDDED, "embedded, in Docker containers": CONTAINERS, "lifecycle": LIFECYCLE, "pack": PACK}
# Programs of this machine that builds may use; HOME is not among the variables.
_CALLER = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def platform_names(environment: Mapping[str, str]) -> list[str]:
    """Return the platforms that are there."""
    return [
        _NAMES[found.platform] for found in availabilities(environment) if found.platform in _NAMES and not found.reason
    ]


def make_platform(name: str, root: Path, shared: list[Path], environment: Mapping[str, str]) -> Platform:
    """Return a platform that keeps its images below `root`; a container sees the `shared` paths where they are here."""
    volumes = tuple(f"{path}:{path}:ro" for path in shared)
    if name == CONTAINERS:
        run(REPOSITORY / "scripts/base-images")
        return Embedded(
            root=root,
            container=layouts.tag("build"),
            run_image=layouts.directory() / "run",
            volumes=volumes,
            caller=_CALLER,
        )
    if name == LIFECYCLE:
        return Lifecycle(directory=Path(environment["CNB_LIFECYCLE_DIR"]), root=root, caller=_CALLER)
    if name == PACK:
        lifecycle = environment.get("CNB_LIFECYCLE_DIR")
        run(REPOSITORY / "scripts/base-images")
        return Pack(
            build_image=layouts.tag("build"),
            run_image=layouts.tag("run"),
            lifecycle=Path(lifecycle) if lifecycle else None,
            volumes=volumes,
            caller=environment,
        )
    # Other builds on this machine may have the customary directories, and paths are in the bytes that cases compare.
    return Embedded(root=root, caller=_CALLER, layers_dir=root / "layers", app_dir=root / "workspace")


def available_interpreters(environment: Mapping[str, str], cache: Path) -> Interpreters:
    """Return the real address of CPython builds if it answers, else archives of two minors that are on this machine."""
    if releases_answer(environment):
        return Interpreters()
    pythons = _newest_minors(2)
    directory = cache / "interpreters-of-tests"
    stamp = directory / "made-from"
    sources = sorted(
        [
            *(REPOSITORY / "scripts/cpython_archive").glob("*.py"),
            REPOSITORY / "src/uv_buildpack/interpreter/relocation.py",
        ]
    )
    script = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    made_from = "\n".join([script, *(f"{python} {python.stat().st_mtime_ns}" for python in pythons)])
    with alone(directory):
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != made_from:
            shutil.rmtree(directory, ignore_errors=True)
            make_archive(pythons, directory)
            stamp.write_text(made_from, encoding="utf-8")
    return Interpreters(directory)


def offered_versions(interpreters: Interpreters) -> list[str]:
    """Return the newest version of each minor that builds can get, newest first."""
    place = None if interpreters.directory is None else str(interpreters.directory / "catalogue.json")
    newest: dict[tuple[int, ...], tuple[int, ...]] = {}
    for build in catalogue.load(place, Network()):
        if re.fullmatch(r"[\d.]+", build.version) and not build.freethreaded:
            version = tuple(int(part) for part in build.version.split("."))
            newest[version[:2]] = max(version, newest.get(version[:2], ()))
    return [".".join(str(part) for part in newest[minor]) for minor in sorted(newest, reverse=True)]


def _newest_minors(count: int) -> list[Path]:
    """Interpreters on PATH, of pyenv and this one, one for each minor that the package itself could run on."""
    names = [f"python3.{minor}" for minor in range(11, 30)]
    places = [Path(place) for name in names for place in [shutil.which(name, path="/usr/local/bin:/usr/bin")] if place]
    places += sorted(Path.home().glob(".pyenv/versions/3.*/bin/python3"))
    places.append(Path(getattr(sys, "_base_executable", sys.executable)))
    by_minor: dict[tuple[int, int], Path] = {}
    for place in places:
        by_minor.setdefault(_minor(place), place.resolve())
    return [by_minor[minor] for minor in sorted(by_minor, reverse=True) if minor >= (3, 11)][:count]


def _minor(python: Path) -> tuple[int, int]:
    program = "import json, sys; print(json.dumps(sys.version_info[:2]))"
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)
    major, minor = json.loads(done.stdout)
    return major, minor
