"""The commands of README's quick start, made runnable on a machine without a registry, pack or Docker.

A command keeps its words. What it names in the world outside is replaced: the published image of the buildpack by the
package of this checkout, the public builder by one made here. Where pack or Docker is missing, a program of its name
stands in: it does on the embedded platform what the command says.
"""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

from base_image import layouts
from checks.platforms import docker_reason, pack_reason
from trial.prerequisites import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_IMAGE = re.compile(r"docker://ghcr\.io/uv-buildpack/python:\S+")

_PACK = f"""#!{sys.executable}
import argparse, os, subprocess, sys
state, words = {{state!r}}, sys.argv[1:]
if words[:2] == ["builder", "create"]:
    sys.exit()
parser = argparse.ArgumentParser()
parser.add_argument("command", choices=["build"])
parser.add_argument("name")
for option in ("path", "builder", "buildpack", "pull-policy"):
    parser.add_argument("--" + option)
parser.add_argument("--trust-builder", action="store_true")
known = parser.parse_args(words)
argv = [{{platform!r}}, "build", known.path or ".", "--buildpack", {{buildpack!r}}]
argv += ["--image", os.path.join(state, known.name), "--cache", os.path.join(state, known.name + ".cache")]
if {{docker!r}}:
    argv += ["--run-image", {{run_image!r}}, "--docker", known.name + ":latest"]
sys.exit(subprocess.run(argv + [word for pair in {{variables!r}} for word in ("--env", pair)]).returncode)
"""

_REAL_PACK = f"""#!{sys.executable}
import os, sys
words = sys.argv[1:]
os.execv({{pack!r}}, [{{pack!r}}, *words, *({{more!r}} if words[0] == "build" else [])])
"""

_DOCKER = f"""#!{sys.executable}
import os, sys
assert sys.argv[1] == "run"
port, name = sys.argv[sys.argv.index("-p") + 1].partition(":")[0], sys.argv[-1]
os.execv({{platform!r}}, [{{platform!r}}, "launch", os.path.join({{state!r}}, name), "--env", "PORT=" + port])
"""


def blocks(readme: str) -> list[list[str]]:
    """Return the command lines of each code block of the quick start, without comments."""
    section = readme.partition("\n## Quick start\n")[2].partition("\n## ")[0]
    return [
        [line.partition("  #")[0].strip() for line in block.replace("\\\n ", "").splitlines() if line.strip()]
        for block in _BLOCK.findall(section)
    ]


def runnable(line: str, package: Path, builder: str, port: int) -> str:
    """Return the command with what this machine has in place of what is published."""
    line = _IMAGE.sub(str(package), line).replace("heroku/builder:24", builder)
    return line.replace("-p 8080:8080", f"-p {port}:8080")


def install_programs(directory: Path, buildpack: Path, variables: Mapping[str, str], volumes: list[str]) -> list[str]:
    """Write a program `pack`, and one for docker where that is missing; return the names of those that stand in.

    `variables` and `volumes` are what builds on this machine need. The real pack gets them added to each build.
    """
    pairs = [f"{name}={value}" for name, value in variables.items()]
    facts = {
        "platform": str(REPOSITORY / "scripts/cnb-platform"),
        "state": str(directory),
        "buildpack": str(buildpack),
        "docker": not docker_reason(),
        "run_image": str(layouts.directory() / "run"),
        "variables": pairs,
        "pack": shutil.which("pack"),
        "more": [word for pair in pairs for word in ("--env", pair)]
        + [word for volume in volumes for word in ("--volume", volume)]
        + ["--network", "host", "--trust-builder", "--trust-extra-buildpacks", "--pull-policy", "never"],
    }
    programs = {"pack": _PACK if pack_reason() else _REAL_PACK} | ({"docker": _DOCKER} if docker_reason() else {})
    for name, program in programs.items():
        (directory / name).write_text(program.format_map(facts), encoding="utf-8")
        (directory / name).chmod(0o755)
    return [name for name, program in programs.items() if program is not _REAL_PACK]
