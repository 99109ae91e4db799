"""What integration tests share: CPython builds, the packaged buildpack, a package index, platforms; each made once."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.application import App, project
from integration.machine import (
    CONTAINERS,
    available_interpreters,
    make_platform,
    offered_versions,
    platform_names,
)
from integration.package_index import PackageIndex
from integration.private_index import Authority, make_authority, make_environment
from integration.website import Website, serving
from integration.workbench import BASE, Workbench

from checks.platforms import availabilities, todays_reason
from cnb_platform.directories import remove_tree
from trial.prerequisites import Interpreters, package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Those CPythons need their containers; what was not run is named in the last lines.
collect_ignore = ["test_todays_pythons.py"] if todays_reason() else []
REPOSITORY = Path(__file__).resolve().parents[1]
_LONGEST = ("test_campaign.py", "test_todays_pythons.py")
_MEASURED = "measured"
_NOWHERE = pytest.mark.nowhere


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--every-platform", action="store_true", help="run every case in containers too, not only some")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "in_containers: run the case in containers as well, where Docker answers")
    config.addinivalue_line("markers", "platforms(*names): run the case on these platforms only")
    config.addinivalue_line("markers", "nowhere: none of the platforms of the case is there")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has no platform here, and begin with the files that take longest: what begins last is waited for.

    The last lines of a run name the platforms that are not there.
    """
    homeless = [item for item in items if item.get_closest_marker(_NOWHERE.name)]
    config.hook.pytest_deselected(items=homeless)
    items[:] = sorted((item for item in items if item not in homeless), key=lambda item: item.path.name not in _LONGEST)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a case that asks for `bench` on each platform that is there, in containers if it is marked so."""
    if "bench" not in metafunc.fixturenames:
        return
    names = platform_names(os.environ)
    if marker := metafunc.definition.get_closest_marker("platforms"):
        names = [name for name in names if name in marker.args]
    elif not metafunc.definition.get_closest_marker("in_containers"):
        names = [name for name in names if name != CONTAINERS or metafunc.config.getoption("--every-platform")]
    nowhere = pytest.param("", marks=_NOWHERE)
    metafunc.parametrize("bench", names or [nowhere], indirect=True, scope="session")


@pytest.fixture(scope="session")
def public() -> Iterator[Path]:
    """A directory that every user may read: builds run as the build user, also where the tests run as root."""
    directory = Path(tempfile.mkdtemp(prefix="uv-buildpack-integration-"))
    directory.chmod(0o755)
    yield directory
    remove_tree(directory)


@pytest.fixture(scope="session")
def interpreters(public: Path) -> Interpreters:
    """The real address of CPython builds, or a mirror with archives of CPythons on this machine."""
    return available_interpreters(os.environ, REPOSITORY / ".cache").copied_to(public / "interpreters")


@pytest.fixture(scope="session")
def versions(interpreters: Interpreters) -> list[str]:
    """The CPython versions that builds can get, newest first, one for each minor."""
    return offered_versions(interpreters)


@pytest.fixture(scope="session")
def buildpack(interpreters: Interpreters, public: Path) -> Path:
    """The packaged buildpack for this machine, as a directory that nobody may write: `…/uv-buildpack/linux/<arch>`."""
    directory = package(interpreters, public / "dist")
    for path in [directory, *directory.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)
    return directory


@pytest.fixture(scope="session")
def index() -> Iterator[PackageIndex]:
    """An index with a few tiny packages; cases add their own under names of their own."""
    with serving(Website()) as site:
        index = PackageIndex(site)
        for version in ("1.0", "1.1"):
            index.add_wheel("alpha", version)
            index.add_wheel("beta", version, requires=("alpha",))
        index.add_wheel("gamma", "1.0")
        index.add_wheel("tester", "1.0")
        yield index


@pytest.fixture(scope="session")
def servers(public: Path) -> Path:
    """The interpreter of the environment with servers for private packages."""
    return make_environment(public / "servers", REPOSITORY)


@pytest.fixture(scope="session")
def authority(public: Path, servers: Path) -> Authority:
    return make_authority(servers, public / "authority")


@pytest.fixture
def company(authority: Authority, public: Path, image: str) -> Path:
    """A binding with the certificate of the authority, where the container's user may read it."""
    return authority.binding(public / "bindings" / image / "company-ca")


@pytest.fixture(scope="session")
def benches(
    public: Path, interpreters: Interpreters, buildpack: Path, index: PackageIndex
) -> Iterator[Callable[[str], Workbench]]:
    """Each platform by its name, made at the first call, with an image BASE that has the Python of the builds."""
    made: dict[str, Workbench] = {}

    def of(name: str) -> Workbench:
        if name not in made:
            made[name] = _make_bench(name, public / name, interpreters, buildpack, index)
        return made[name]

    yield of
    for bench in made.values():
        if bench.in_containers:
            kind = bench.platform.name.partition(" ")[0]
            tags = [f"cnb-platform/{image}:{kind}" for image in set(bench.built)]
            subprocess.run(["docker", "image", "rm", "--force", *tags], capture_output=True, check=False)


def _make_bench(name: str, root: Path, interpreters: Interpreters, buildpack: Path, index: PackageIndex) -> Workbench:
    certificates = [Path(os.environ["SSL_CERT_FILE"])] if "SSL_CERT_FILE" in os.environ else []
    passed_on = ("BP_PYTHON_MIRROR", "BP_PYTHON_CATALOGUE", "SSL_CERT_FILE")
    variables = {name: os.environ[name] for name in passed_on if name in os.environ}
    variables |= interpreters.variables(str(interpreters.directory))
    shared = [*certificates, *([interpreters.directory] if interpreters.directory else [])]
    root.mkdir()
    platform = make_platform(name, root, shared, os.environ)
    bench = Workbench(platform=platform, buildpack=buildpack, variables=variables)
    app = App(root / "base-app")
    app.write({"pyproject.toml": project("base", ("gamma",), index=index.address), "main.py": ""})
    app.lock()
    bench.build(app, BASE)
    return bench


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest, benches: Callable[[str], Workbench]) -> Workbench:
    """The platform of the case."""
    return benches(request.param)


@pytest.fixture
def app(tmp_path: Path) -> App:
    """An empty app directory."""
    (tmp_path / "app").mkdir()
    return App(tmp_path / "app")


@pytest.fixture
def image(request: pytest.FixtureRequest) -> str:
    """A name for the image of this case."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))
    return name.strip("-")[:100]


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a line that the end of the run shows: what a test measured, not only that it was within its limit."""
    return partial(record_property, _MEASURED)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured and which platforms there were: a run without Docker must not look like one with it."""
    terminalreporter.section("measured")
    for report in terminalreporter.getreports(""):
        properties = report.user_properties if report.when == "teardown" else ()
        for line in (value for name, value in properties if name == _MEASURED):
            terminalreporter.line(str(line))
    terminalreporter.section("platforms")
    for availability in availabilities(os.environ):
        terminalreporter.line(str(availability))
