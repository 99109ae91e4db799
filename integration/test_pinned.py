"""What scripts install is what `requirements/` pins, also on a day when the index has newer releases of all of it.

The index here has a tiny stand-in for each pinned release, and a newer one beside it. Where a list says that a package
is there for the sake of another, that other one asks for it with an extra, as pytest-cov asks for `coverage[toml]`: an
installer that resolves takes the newer release then.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.package_index import PackageIndex, wheel
from integration.website import Website, serving
from packaging.requirements import Requirement
from uv import find_uv_bin

from buildpackage import wheels
from environment import REPOSITORY, REQUIREMENTS, install_command
from trial import pins

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWER = "9999"
# Every list with hashes: what is vendored goes into the package, the rest is installed by scripts/environment.py.
LISTS = tuple(sorted(path.stem for path in REQUIREMENTS.glob("*.txt") if "--hash" in path.read_text(encoding="utf-8")))
ENVIRONMENTS = tuple(name for name in LISTS if name != "vendor")
# What comes with Debian 12, and with CPython 3.11.7 (pyenv): the oldest that the scripts have to work with. The older
# one wants `pkgutil.ImpImporter`, so no Python from 3.12 on can run it, and none has ever brought it.
OLD_PIPS = {
    "23.0.1": "sha256:236bcb61156d76c4b8a05821b988c7b8c35bf0da28a4b614e8d6ab5212c25c6f",
    "23.2.1": "sha256:7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be",
}
RUNNABLE = [version for version in OLD_PIPS if version != "23.0.1" or sys.version_info < (3, 12)]
_LINE = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>\S+)(?: ; (?P<marker>.*?))? \\$", re.MULTILINE)
_VIA = re.compile(r"^    #(?: via)? +(?:via )?(?P<parent>[a-z0-9-]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Day:
    """The index of that day, and the lists with the hashes of its stand-ins."""

    index: PackageIndex
    requirements: Path

    def variables(self) -> dict[str, str]:
        """Return what tells installers of the index, and of nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "PYTHON"))}
        settings = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1", "UV_NO_CONFIG": "1"}
        return kept | settings | {"PIP_INDEX_URL": self.index.address, "UV_DEFAULT_INDEX": self.index.address}

    def expected(self, name: str) -> dict[str, str]:
        """Return what a list pins for this machine: version by distribution, as directories of metadata spell it."""
        lines = (self.requirements / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        wanted = [Requirement(line.partition(" --hash")[0]) for line in lines]
        return {spelled(one.name): release(one) for one in wanted if one.marker is None or one.marker.evaluate()}


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    directory = tmp_path_factory.mktemp("requirements")
    texts = {name: (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8") for name in LISTS}
    children = {parent: wanted for text in texts.values() for parent, wanted in wanted_by(text).items()}
    with serving(Website()) as site:
        index = PackageIndex(site)
        for name, text in texts.items():
            lines = [publish(match, children.get(match["name"], ()), index) for match in _LINE.finditer(text)]
            (directory / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
        for requirement in (Requirement(line) for line in pins.pinned()):
            name = spelled(requirement.name)
            if f"/files/{name}-{release(requirement)}-py3-none-any.whl" not in site.documents:
                index.add_wheel(name, release(requirement))
            index.add_wheel(name, NEWER)
        yield Day(index, directory)


def wanted_by(text: str) -> dict[str, tuple[str, ...]]:
    """Return what a list says of who wants what (`# via`): requirements by the distribution that has them."""
    children: dict[str, tuple[str, ...]] = {}
    pinned = list(_LINE.finditer(text))
    ends = [*(match.start() for match in pinned[1:]), len(text)]
    for match, end in zip(pinned, ends, strict=True):
        for via in _VIA.finditer(text, match.end(), end):
            # No lower bound: another list may pin an older release.
            wanted = f"{match['name']}[more]>=0"
            children[via["parent"]] = (*children.get(via["parent"], ()), wanted)
    return children


def publish(match: re.Match[str], requires: tuple[str, ...], index: PackageIndex) -> str:
    """Publish a stand-in for a pinned release and a newer one; return the line of the list, with its hash."""
    name = spelled(match["name"])
    file = f"{name}-{match['version']}-py3-none-any.whl"
    content = wheel(name, match["version"], None, requires)
    index.add(file, content)
    index.add_wheel(name, NEWER)
    condition = f" ; {match['marker']}" if match["marker"] else ""
    return f"{match['name']}=={match['version']}{condition} --hash=sha256:{hashlib.sha256(content).hexdigest()}\n"


def spelled(name: str) -> str:
    return name.replace("-", "_").lower()


def release(requirement: Requirement) -> str:
    return str(requirement.specifier).removeprefix("==")


def files_by_name(directory: Path, pattern: str) -> dict[str, str]:
    """Version by name, from the names of wheels or of directories of metadata."""
    found = [path.name.removesuffix(".dist-info").split("-") for path in directory.glob(pattern)]
    return {name: version for name, version, *_ in found}


@pytest.fixture(scope="module", params=[*(f"pip {version}" for version in RUNNABLE), "the pinned pip", "uv"])
def installer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The words before `install` of a program that installs into the environment of `{python}`."""
    kind: str = request.param
    if kind == "uv":
        return [find_uv_bin(), "pip"]
    if kind == "the pinned pip":
        return [sys.executable, "-m", "pip", "--python", "{python}"]
    directory = tmp_path_factory.mktemp("pip")
    version = kind.removeprefix("pip ")
    wanted = wheels.Requirement("pip", version, (OLD_PIPS[version],))
    wheels.unpack(wheels.download([wanted], wheels.pure("3.11"), directory / "wheels"), directory / "unpacked")
    return ["{python}", str(directory / "unpacked" / "pip")]


def environment_with(list_: str, day: Day, installer: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Make an environment below `directory` with what a list pins."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    program = [word.format(python=directory / "bin" / "python") for word in installer]
    command = install_command(program, day.requirements / f"{list_}.txt")
    variables = day.variables() | {"VIRTUAL_ENV": str(directory)}
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("list_", ENVIRONMENTS)
def test_any_installer_installs_what_is_pinned(day: Day, installer: list[str], list_: str, tmp_path: Path) -> None:
    done = environment_with(list_, day, installer, tmp_path)
    assert done.returncode == 0, done.stderr
    (site_packages,) = tmp_path.glob("lib/python*/site-packages")
    assert files_by_name(site_packages, "*.dist-info") == day.expected(list_)


def test_an_installer_that_resolves_would_not(day: Day, tmp_path: Path) -> None:
    """The case that this is about: without it the tests above would prove nothing."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(tmp_path)]
    listed = day.requirements / "dev.txt"
    done = subprocess.run(
        [*command, "--require-hashes", "--requirement", listed], env=day.variables(), capture_output=True, check=False
    )
    names = files_by_name(tmp_path, "*.whl")
    assert done.returncode != 0 or NEWER in names.values()


def test_the_scripts_make_their_environment_of_what_is_pinned(day: Day, tmp_path: Path) -> None:
    """With the Python that the tests' own environment was made from, and whatever installer that one has."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(REPOSITORY / "scripts" / "environment.py", tmp_path / "scripts")
    shutil.copytree(day.requirements, tmp_path / "requirements")
    base = str(getattr(sys, "_base_executable", sys.executable))
    script = str(tmp_path / "scripts" / "environment.py")
    done = subprocess.run([base, script], env=day.variables(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    environment = Path(done.stdout.strip()).parents[1]
    (site_packages,) = environment.glob("lib/python*/site-packages")
    installed = files_by_name(site_packages, "*.dist-info")
    assert {name: installed.get(name) for name in day.expected("dev")} == day.expected("dev")


def test_the_package_holds_what_is_pinned(day: Day, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in day.variables().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    listed = wheels.read_requirements(day.requirements / "vendor.txt")
    wheels.download(listed, wheels.native("3.13", "x86_64"), tmp_path)
    assert files_by_name(tmp_path, "*.whl") == {spelled(one.name): one.version for one in listed}


@pytest.mark.parametrize("example", ["fastapi", "packaged", "workspace"])
def test_an_example_is_locked_to_what_is_pinned(day: Day, example: str, tmp_path: Path) -> None:
    app = App(tmp_path / example)
    shutil.copytree(REPOSITORY / "examples" / example, app.directory, ignore=shutil.ignore_patterns("uv.lock", ".venv"))
    pins.pin(app.directory)
    app.lock(variables=day.variables())
    packages = tomllib.loads((app.directory / "uv.lock").read_text(encoding="utf-8"))["package"]
    fetched = {package["name"]: package["version"] for package in packages if "registry" in package["source"]}
    releases = {name: line.partition(" ")[0] for line in pins.pinned() for name in [Requirement(line).name]}
    assert fetched
    assert [f"{name}=={version}" for name, version in fetched.items()] == [releases[name] for name in fetched]


def test_a_build_backend_is_the_pinned_one(day: Day, tmp_path: Path) -> None:
    """uv brings `uv_build` itself; this one it has to fetch."""
    backend = {"setuptools/build_meta.py": "raise SystemExit('the backend is ' + __import__('setuptools').version)"}
    (release_,) = [release(Requirement(line)) for line in pins.pinned() if line.startswith("setuptools==")]
    for version in (release_, NEWER):
        day.index.add_wheel("setuptools", version, {"setuptools/__init__.py": f"version = {version!r}\n", **backend})
    app = App(tmp_path / "app")
    more = '[build-system]\nrequires = ["setuptools>=1"]\nbuild-backend = "setuptools.build_meta"\n'
    app.write({"pyproject.toml": project("app", more=more)})
    pins.pin(app.directory)
    with pytest.raises(AssertionError, match=f"the backend is {re.escape(release_)}"):
        app.uv("sync", variables=day.variables())


def test_everything_that_examples_ask_for_is_pinned() -> None:
    pinned = {Requirement(line).name: Requirement(line) for line in pins.pinned()}
    asked_for = [Requirement(line) for line in pins.asked_for()]
    assert [str(one) for one in asked_for if one.name.replace("_", "-") not in pinned] == []
