"""Rules that the buildpack has to know before uv runs are uv's: both are asked about random inputs, from a seed.

`INPUTS_PER_RULE` in the environment asks about more; a failure names the seed of its input.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING

import pytest
from uv import find_uv_bin

from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import Problem, Problems
from uv_buildpack.interpreter import catalogue
from uv_buildpack.interpreter.request import parse
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
    "python_version < '3.12'",
    "python_version not in '3.9, 3.10'",
    "python_version ~= '3.11'",
    "'3.13' > python_version",
    "python_full_version >= '3.11.5'",
    "python_full_version != '3.11.*'",
    "sys_platform == 'win32'",
    "sys_platform != 'win32' and platform_machine == 'x86_64'",
    "implementation_name == 'cpython' or os_name == 'nt'",
    "platform_python_implementation == 'PyPy'",
    "platform_system in 'Linux,Darwin'",
    "'nux' in sys_platform",
)
FOUND = ("one", "two", "three")


def marker(random: Random) -> str:
    """A random marker, which holds here or not."""
    parts = [random.choice(MARKERS) for _ in range(random.choice((0, 1, 1, 2, 3)))]
    text = f" {random.choice(('and', 'or'))} ".join(f"({part})" if " or " in part else part for part in parts)
    return f"; {text}" if text else ""


def plant_choices(random: Random, root: Path, more: str = "") -> list[str]:
    """Make a workspace with random groups, extras and markers, lock it, and return the arguments that choose of it.

    `more` is added to the settings of its root.
    """
    members = {name: root / name for name in FOUND}
    for name, place in members.items():
        place.mkdir()
        others = [other for other in FOUND if other > name]
        dependencies = [f"{other}{marker(random)}" for other in others if random.random() < 0.5]
        extras = {f"Extra_{number}": [f"{other}{marker(random)}" for other in others] for number in (1, 2)}
        text = project(name, f"dependencies = {json.dumps(dependencies)}\n[project.optional-dependencies]\n")
        text += "".join(f"{extra} = {json.dumps(names)}\n" for extra, names in extras.items())
        sources = "".join(f"{other} = {{ workspace = true }}\n" for other in FOUND)
        (place / "pyproject.toml").write_text(f"{text}[tool.uv.sources]\n{sources}", encoding="utf-8")
    groups = "".join(
        f"{name} = {json.dumps([f'{other}{marker(random)}' for other in FOUND if random.random() < 0.5])}\n"
        for name in ("Some_Tools", "more")
    )
    root_groups = f'[dependency-groups]\n{groups}all = [{{ include-group = "more" }}, "one"]\n'
    sources = "".join(f"{name} = {{ workspace = true }}\n" for name in FOUND)
    settings = f"[tool.uv]\n{more}[tool.uv.sources]\n{sources}[tool.uv.workspace]\nmembers = {json.dumps(FOUND)}\n"
    (root / "pyproject.toml").write_text(project("root", root_groups + settings), encoding="utf-8")
    locked = uv(root, "lock", "--offline")
    assert locked.returncode == 0, locked.stderr
    packages = random.sample(FOUND, random.randrange(3))
    groups_chosen = random.sample(("some-tools", "more", "all"), random.randrange(3))
    extras_chosen = random.sample(("extra-1", "extra-2"), random.randrange(3)) if packages else []
    options = {"--package": packages, "--group": groups_chosen, "--extra": extras_chosen}
    return [word for option, names in options.items() for name in names for word in (option, name)]


def conflicts(random: Random) -> str:
    """Sets of extras and groups of which one at most can be chosen."""
    items = [f'{{ package = "{name}", extra = "extra-{number}" }}' for name in FOUND for number in (1, 2)]
    # Not "all", which includes "more": of both in one set uv writes a lock that it cannot read (0.13.9).
    items += [f'{{ package = "root", group = "{name}" }}' for name in ("some-tools", "more")]
    sets = [", ".join(random.sample(items, random.randrange(2, 4))) for _ in range(random.randrange(1, 4))]
    return f"conflicts = [{', '.join(f'[{each}]' for each in sets)}]\n"


@pytest.mark.parametrize("conflicting", [False, True], ids=["anything", "with conflicts"])
@pytest.mark.parametrize("seed", range(INPUTS))
def test_what_a_choice_selects(seed: int, tmp_path: Path, *, conflicting: bool) -> None:
    random = Random(seed)  # noqa: S311 (inputs, no secrets)
    arguments = plant_choices(random, tmp_path, conflicts(random) if conflicting else "")
    answer = uv(tmp_path, "sync", "--frozen", "--no-default-groups", "--dry-run", "--output-format", "json", *arguments)
    pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
    packages, extras, groups = (
        tuple(name for option, name in pairs if option == each) for each in ("--package", "--extra", "--group")
    )
    found = read_project(tmp_path, ".")
    lock = read_lock(found.lock_path, "uv.lock")
    wanted = selection.Choice(members=packages, extras=extras, groups=groups)
    if answer.returncode:
        assert re.search(r"is not defined|incompatible with the (declared )?conflicts", answer.stderr), answer.stderr
        with pytest.raises(Problems):
            selection.choose(lock, "root", wanted)
        return
    theirs = {change["name"] for change in json.loads(answer.stdout)["sync"]["changes"]}
    selected = selection.select(lock, selection.choose(lock, "root", wanted), _this_machine())
    assert {package.name for package in selected if package.installed} == theirs


NUMBERS = (
    "3",
    "3.9",
    "3.11",
    "3.12",
    "3.13",
    "3.14",
    "3.11.4",
    "3.12.1",
    "3.13.0",
    "3.99",
    "312",
    "3.12.99",
    "2.7",
    "4",
)
NAMED = ("{}", "{}", "{}", "cpython@{}", "cpython{}", "cp{}", "cpython-{}", "CPython@{}", "python{}", "pypy@{}")
ENDS = (
    "",
    "",
    "",
    "t",
    "+freethreaded",
    "-linux",
    "-linux-x86_64",
    "-linux-x86_64-gnu",
    "-macos",
    "-linux-aarch64",
)
OPERATORS = (">=", ">", "<", "<=", "==", "!=", "~=")


def python_request(random: Random) -> str:
    """A request in one of the forms of uv."""
    if random.random() < 0.5:
        return random.choice(NAMED).format(random.choice(NUMBERS)) + random.choice(ENDS)
    clauses = [random.choice(OPERATORS) + random.choice(NUMBERS[1:]) for _ in range(random.randrange(1, 4))]
    stars = (clause + random.choice(("", ".*")) if clause[:2] in {"==", "!="} else clause for clause in clauses)
    return random.choice((",", ", ")).join(stars)


@pytest.mark.parametrize("seed", range(INPUTS))
def test_which_pythons_a_request_admits(seed: int, tmp_path: Path) -> None:
    text = python_request(Random(seed))  # noqa: S311 (inputs, no secrets)
    builds = catalogue.load(None, Network())
    libc, arch = "gnu", "x86_64"
    try:
        request = parse(text, "the test")
        freethreaded = request.freethreaded
        fits = request.arch in {None, arch} and request.libc in {None, libc}
        ours = {build.version for build in builds if fits and request.specifier.contains(build.version)}
    except Problem:
        freethreaded, ours = False, set()
    variant = "freethreaded" if freethreaded else "default"
    arguments = ("--only-downloads", "--all-versions", "--all-platforms", "--output-format", "json")
    answer = uv(tmp_path, "python", "list", text, *arguments)
    listed = json.loads(answer.stdout) if answer.returncode == 0 else []
    theirs = {
        entry["version"]
        for entry in listed
        if (entry["implementation"], entry["arch"], entry["libc"], entry["variant"]) == ("cpython", arch, libc, variant)
    }
    # Which prereleases count is the catalogue's rule.
    stable = (build for build in builds if re.fullmatch(r"[\d.]+", build.version))
    known = {each.version for each in stable if (each.arch, each.libc, each.freethreaded) == (arch, libc, freethreaded)}
    assert ours & known == theirs & known, text


def _this_machine() -> selection.Platform:
    version = ".".join(str(part) for part in sys.version_info[:3])
    return selection.Platform(python=version, machine=os.uname().machine, libc="gnu")
