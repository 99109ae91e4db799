"""Rules that the buildpack has to know before uv runs are uv's: both are asked about random inputs, from a seed.

`INPUTS_PER_RULE` in the environment asks about more; a failure names the seed of its input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from uv_buildpack.errors import Problems
from uv_buildpack.project import selection
from uv_buildpack.project.files import read_project, read_pyproject, workspace_members
from uv_buildpack.project.lockfile import read_lock

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = int(os.environ.get("INPUTS_PER_RULE", "25"))
NAMES = ("a", "b", "ab", "a-b", ".h", "a b", "[x]", "pkgs", "deep", "é", "c#1", "d;e", "f@g", "100%", "tools [v2]")
PATTERNS = (
    *("*", "**", "**/*", "*/*", "a*", "?", "[ab]", "[!a]*", "[[]x]", "pkgs/*", "pkgs/**", "*/b", "**/b", "**/a*"),
    *("./*", "a/", "a/../b", "../*", "../a", ".h", "deep/*/*", "a-b", "link", "link/*", "*#*", "[a-f]*"),
)


def uv(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run uv in a directory, with the Python that runs this."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "SSL_CERT_FILE") if name in os.environ}
    environment |= {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    return subprocess.run(
        [find_uv_bin(), *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False
    )


def project(name: str, more: str = "") -> str:
    """Return a `pyproject.toml` without dependencies."""
    return f'[project]\nname = "{name}"\nversion = "1"\nrequires-python = ">=3.9"\n{more}'


def plant_workspace(random: Random, directory: Path) -> Path:
    """Make a workspace of random directories and globs, some of them beside the root, and return its root."""
    root = directory / "workspace"
    root.mkdir()
    places = [root]
    for _ in range(random.randrange(3, 10)):
        above = random.choice(places) if random.random() < 0.8 else directory
        places.append(above / random.choice(NAMES))
        places[-1].mkdir(exist_ok=True)
    if random.random() < 0.3:
        (root / "link").symlink_to(random.choice(places[1:]))
    for number, place in enumerate(dict.fromkeys(places[1:])):
        unmanaged = "[tool.uv]\nmanaged = false\n" if random.random() < 0.15 else ""
        (place / "pyproject.toml").write_text(project(f"member-{number}", unmanaged), encoding="utf-8")
    members = json.dumps([random.choice(PATTERNS) for _ in range(random.randrange(1, 4))])
    excluded = json.dumps([random.choice(PATTERNS) for _ in range(random.randrange(3))])
    workspace = f"[tool.uv.workspace]\nmembers = {members}\nexclude = {excluded}\n"
    (root / "pyproject.toml").write_text(project("root", workspace), encoding="utf-8")
    return root


@pytest.mark.parametrize("seed", range(INPUTS))
def test_members_of_a_workspace(seed: int, tmp_path: Path) -> None:
    root = plant_workspace(Random(seed), tmp_path)  # noqa: S311 (inputs, no secrets)
    answer = uv(root, "workspace", "list", "--paths", "--preview")
    found = workspace_members(read_pyproject(tmp_path, root / "pyproject.toml"))
    if answer.returncode:
        # Two members of one name, or a directory without a project: uv refuses the workspace, in its own words.
        assert "member" in answer.stderr, answer.stderr
    else:
        theirs = {os.path.normpath(line) for line in answer.stdout.splitlines()} - {str(root)}
        assert {str(path) for path in found} == theirs


MARKERS = (
    "",
    "; python_version < '3.12'",
    "; python_full_version >= '3.11.5'",
    "; sys_platform == 'win32'",
    "; sys_platform != 'win32' and platform_machine == 'x86_64'",
    "; implementation_name == 'cpython' or os_name == 'nt'",
    "; platform_system in 'Linux,Darwin'",
)
FOUND = ("one", "two", "three")


def plant_choices(random: Random, root: Path) -> list[str]:
    """Make a workspace with random groups, extras and markers, lock it, and return the arguments that choose of it."""
    members = {name: root / name for name in FOUND}
    for name, place in members.items():
        place.mkdir()
        others = [other for other in FOUND if other > name]
        dependencies = [f"{other}{random.choice(MARKERS)}" for other in others if random.random() < 0.5]
        extras = {f"Extra_{number}": [f"{other}{random.choice(MARKERS)}" for other in others] for number in (1, 2)}
        text = project(name, f"dependencies = {json.dumps(dependencies)}\n[project.optional-dependencies]\n")
        text += "".join(f"{extra} = {json.dumps(names)}\n" for extra, names in extras.items())
        sources = "".join(f"{other} = {{ workspace = true }}\n" for other in FOUND)
        (place / "pyproject.toml").write_text(f"{text}[tool.uv.sources]\n{sources}", encoding="utf-8")
    groups = "".join(
        f"{name} = {json.dumps([f'{other}{random.choice(MARKERS)}' for other in FOUND if random.random() < 0.5])}\n"
        for name in ("Some_Tools", "more")
    )
    root_groups = f'[dependency-groups]\n{groups}all = [{{ include-group = "more" }}, "one"]\n'
    sources = "".join(f"{name} = {{ workspace = true }}\n" for name in FOUND)
    settings = f"[tool.uv.sources]\n{sources}[tool.uv.workspace]\nmembers = {json.dumps(list(FOUND))}\n"
    (root / "pyproject.toml").write_text(project("root", root_groups + settings), encoding="utf-8")
    locked = uv(root, "lock", "--offline")
    assert locked.returncode == 0, locked.stderr
    packages = random.sample(FOUND, random.randrange(3))
    groups_chosen = random.sample(("some-tools", "more", "all"), random.randrange(3))
    extras_chosen = random.sample(("extra-1", "extra-2"), random.randrange(3)) if packages else []
    options = {"--package": packages, "--group": groups_chosen, "--extra": extras_chosen}
    return [word for option, names in options.items() for name in names for word in (option, name)]


@pytest.mark.parametrize("seed", range(INPUTS))
def test_what_a_choice_selects(seed: int, tmp_path: Path) -> None:
    arguments = plant_choices(Random(seed), tmp_path)  # noqa: S311 (inputs, no secrets)
    answer = uv(tmp_path, "sync", "--frozen", "--no-default-groups", "--dry-run", "--output-format", "json", *arguments)
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
    packages, extras, groups = (
        tuple(name for option, name in pairs if option == each) for each in ("--package", "--extra", "--group")
    )
    found = read_project(tmp_path, ".")
    lock = read_lock(found.lock_path, "uv.lock")
    wanted = selection.Choice(packages=packages, extras=extras, groups=groups)
    if answer.returncode:
        assert "is not defined" in answer.stderr, answer.stderr
        with pytest.raises(Problems):
            selection.choose(lock, "root", wanted)
        return
    theirs = {change["name"] for change in json.loads(answer.stdout)["sync"]["changes"]}
    selected = selection.select(lock, selection.choose(lock, "root", wanted), _this_machine())
    assert {package.name for package in selected if package.installed} == theirs


def _this_machine() -> selection.Platform:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return selection.Platform(python=version, machine=os.uname().machine, libc="gnu")
