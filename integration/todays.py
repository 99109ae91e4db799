"""A machine with today's CPythons: a container of Debian's unstable suite, since no stable release has them yet."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from base_image import layouts
from trial.prerequisites import REPOSITORY, Interpreters, run

SUITE = "sid"
IMAGE = layouts.tag("machine", SUITE)
RUN_IMAGE = layouts.directory(SUITE) / "run"
_CACHE = REPOSITORY / ".cache" / f"machine-{SUITE}"
_NEEDED = ("bin", "integration", "requirements", "scripts", "src", "LICENSE", "buildpack.toml", "pyproject.toml")
# How this machine reaches its index; files and directories among the values are mounted.
_REACHED_BY = (
    "PIP_CERT",
    "PIP_INDEX_URL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "UV_DEFAULT_INDEX",
    "HTTPS_PROXY",
    "NO_PROXY",
)
# The newest there is; the two digits of minors sort as text.
_WITH_PYTHON = 'for python in /usr/bin/python3.[1-9][0-9]; do :; done; exec "$python" -B "$@"'


@dataclass(frozen=True, slots=True)
class Machine:
    """A copy of this repository, and what is kept of one container for the next."""

    repository: Path
    cache: Path

    def python(self, *arguments: str, shared: Path | None = None) -> str:
        """Run the newest CPython of the machine."""
        return self.run("sh", "-c", _WITH_PYTHON, "sh", *arguments, shared=shared)

    def run(self, *argv: str, shared: Path | None = None) -> str:
        """Run a command in the repository's root, with `shared` where it is here; return its output."""
        reached = {name: os.environ[name] for name in _REACHED_BY if os.environ.get(name)}
        mounts = {value: "ro" for value in reached.values() if value.startswith("/") and Path(value).exists()}
        volumes = [f"{self.repository}:/repository", f"{self.cache}:/repository/.cache"]
        volumes += [
            *([f"{shared}:{shared}"] if shared else []),
            *(f"{path}:{path}:{mode}" for path, mode in mounts.items()),
        ]
        command = ["docker", "run", "--rm", "--network", "host", "--workdir", "/repository", "--entrypoint", "env"]
        command += ["--user", f"{os.getuid()}:{os.getgid()}", "--env", "HOME=/tmp"]
        command += [word for volume in volumes for word in ("--volume", volume)]
        command += [word for name, value in reached.items() for word in ("--env", f"{name}={value}")]
        done = subprocess.run([*command, IMAGE, *argv], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout


def machine(directory: Path) -> Machine:
    """Make the machine, with a copy of the repository in `directory`."""
    run(REPOSITORY / "scripts/base-images", "--suite", SUITE, "--kind", "run", "--kind", "machine")
    directory.mkdir()
    for name in _NEEDED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, directory / name, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        else:
            shutil.copy(source, directory)
    _CACHE.mkdir(parents=True, exist_ok=True)
    return Machine(directory, _CACHE)


def archives(machine: Machine) -> Interpreters:
    """Make archives of the machine's CPythons, or take those that an earlier run made of the same ones."""
    sources = sorted((machine.repository / "scripts" / "cpython_archive").glob("*.py"))
    sources.append(machine.repository / "src/uv_buildpack/interpreter/relocation.py")
    image = RUN_IMAGE.with_name("machine") / "index.json"
    key = hashlib.sha256(b"".join(path.read_bytes() for path in (*sources, image))).hexdigest()[:12]
    directory = machine.cache / "archives" / key
    if not (directory / "catalogue.json").is_file():
        shutil.rmtree(directory.parent, ignore_errors=True)
        pythons = machine.run("sh", "-c", "echo /usr/bin/python3.[1-9][0-9]").split()
        options = [word for python in pythons for word in ("--python", python)]
        machine.python("scripts/python-archive", *options, "--output", f".cache/archives/{key}")
    return Interpreters(directory)


def package(machine: Machine, interpreters: Interpreters, output: Path) -> Path:
    """Package the buildpack with the newest of the interpreters; return its directory for this machine."""
    output.mkdir()
    archive = Path(interpreters.runtime()[1])
    inside = Path("/repository/.cache") / archive.relative_to(machine.cache)
    machine.python("scripts/package", "--runtime", str(inside), "--output", str(output), shared=output)
    (directory,) = (output / "uv-buildpack" / "linux").iterdir()
    return directory
