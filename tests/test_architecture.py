"""The import graph: which way imports go, and where each kind of input and output lives."""

from __future__ import annotations

import ast
import subprocess
import sys
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).resolve().parents[1] / "src"
TESTS = [SOURCE.parent / "tests", SOURCE.parent / "integration"]
# Programs for other interpreters (the application's): they are shipped as data and import nothing of ours.
PROGRAMS = SOURCE / "uv_buildpack" / "data"

THIRD_PARTY = {
    "cnb": {"tomli", "tomli_w"},
    "cnb_platform": set[str](),
    # compression is in the standard library of Python 3.14; backports.zstd stands in before.
    "uv_buildpack": {"backports", "compression", "httpx", "packaging", "structlog"},
}
OURS = {"cnb": {"cnb"}, "cnb_platform": {"cnb", "cnb_platform"}, "uv_buildpack": {"cnb", "uv_buildpack"}}


@cache
def modules() -> dict[str, ast.Module]:
    """Each module of `src` by its path below it."""
    paths = sorted(path for path in SOURCE.glob("*/**/*.py") if PROGRAMS not in path.parents)
    return {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def imported(tree: ast.Module) -> Iterator[str]:
    """Return the dotted names that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None, "imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used(tree: ast.Module) -> Iterator[str]:
    """Return names a module uses with a dot, such as `os.environ`, and builtins that it calls."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
    yield from imported(tree)


def homes(*names: str) -> set[str]:
    """Return the modules that use one of `names`."""
    return {path for path, tree in modules().items() if set(names) & set(used(tree))}


@pytest.mark.parametrize("package", OURS)
def test_imports_go_one_way_towards_cnb(package: str) -> None:
    roots = {
        (path, name.partition(".")[0])
        for path, tree in modules().items()
        if path.startswith(f"{package}/")
        for name in imported(tree)
    }
    foreign = {(path, root) for path, root in roots if root not in sys.stdlib_module_names}
    assert {root for _, root in foreign} <= OURS[package] | THIRD_PARTY[package], foreign


# Folders and modules of the buildpack from the top to the bottom; what stands higher imports what stands lower.
FLOORS = (
    "__main__",
    "detect",
    "build",
    "ignored_variables",
    "django",
    "layers",
    "snapshots",
    "sbom",
    "analysis",
    "inputs",
    "environment_link",
    "processes",
    "decisions",
    "surroundings",
    "interpreter",
    "uv",
    "project",
    "bytecode",
    "configuration",
    "installed",
    "downloads",
    "command",
    "package_data",
    "specifiers",
    "log",
    "masking",
    "credentials",
    "disk",
    "errors",
)


def arrows() -> set[tuple[str, str]]:
    """Return the modules of the buildpack that import others of it, by dotted names, also where they do so late."""
    dotted = {path.removesuffix(".py").replace("/", ".").removesuffix(".__init__"): path for path in modules()}
    own = {name: path for name, path in dotted.items() if name.startswith("uv_buildpack.")}
    pairs = ((name, target) for name, path in own.items() for target in imported_modules(modules()[path], set(own)))
    return {(name, target) for name, target in pairs if name != target}


def imported_modules(tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Those of the `known` modules that one imports: of a folder itself only what stands in its `__init__.py`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & known
            if node.module in known and not names <= known:
                yield node.module


def floor(module: str) -> str:
    """Return the folder, or the module beside the folders, that a module of the buildpack is in."""
    return module.split(".")[1]


def test_every_folder_has_a_floor() -> None:
    assert {floor(name) for arrow in arrows() for name in arrow} == set(FLOORS)


def test_imports_lead_to_lower_floors() -> None:
    rising = {(name, target) for name, target in arrows() if FLOORS.index(floor(name)) > FLOORS.index(floor(target))}
    assert rising == set()


def test_modules_import_each_other_in_no_circle() -> None:
    left = arrows()
    # What imports nothing that is left is in no circle.
    while outer := {arrow for arrow in left if arrow[1] not in {name for name, _ in left}}:
        left -= outer
    assert left == set()


def test_the_network_has_one_home() -> None:
    clients = ("httpx", "urllib.request", "http.client", "socket", "ssl", "ftplib", "asyncio")
    assert homes(*clients) <= {"uv_buildpack/downloads/download.py"}


def test_programs_are_started_in_one_module_of_each_package() -> None:
    starters = (
        "subprocess",
        "os.system",
        "os.popen",
        "os.fork",
        "os.posix_spawn",
        "os.spawnv",
        "pty",
        "multiprocessing",
    )
    assert homes(*starters) <= {"uv_buildpack/command.py", "cnb_platform/command.py"}


def test_the_environment_is_read_in_main_modules_only() -> None:
    assert homes("os.environ", "os.getenv", "os.environb") <= {"uv_buildpack/__main__.py", "cnb_platform/__main__.py"}


def test_standard_streams_are_taken_in_one_module_of_each_package() -> None:
    streams = homes("print", "sys.stdout", "sys.stderr", "sys.stdin")
    assert streams <= {"uv_buildpack/__main__.py", "cnb_platform/__main__.py", "cnb_platform/console.py"}


def test_toml_has_one_home() -> None:
    assert homes("tomllib", "tomli", "tomli_w") <= {"cnb/toml.py"}


def test_modules_are_named_for_what_is_in_them() -> None:
    vague = {"utils", "helpers", "common", "manager", "handler", "misc", "base"}
    assert not {path for path in modules() if Path(path).stem in vague}


def test_modules_have_at_most_400_lines() -> None:
    # The catalogue of errors is one file on purpose: a newcomer looks for an error in one place.
    lengths = {path: len((SOURCE / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert not {path: length for path, length in lengths.items() if length > 400 and not path.endswith("/errors.py")}


def test_tests_use_fakes_and_no_mocks() -> None:
    paths = [path for directory in TESTS for path in directory.rglob("*.py")]
    mocking = {"unittest.mock", "mock", "pytest_mock"}
    using = [path for path in paths if mocking & set(imported(ast.parse(path.read_text(encoding="utf-8"))))]
    assert not using


def test_detection_imports_neither_httpx_nor_structlog() -> None:
    loaded = loaded_after("import uv_buildpack.__main__, uv_buildpack.detect")
    assert not {"httpx", "structlog", "asyncio", "packaging"} & loaded


def test_a_build_imports_asyncio_and_httpx_when_something_uses_them() -> None:
    start = "import uv_buildpack.__main__ as main; main.defer_imports()"
    program = f"{start}; import uv_buildpack.build, uv_buildpack.downloads.download"
    loaded = loaded_after(program)
    assert "structlog.stdlib" in loaded
    assert not {"httpx._client", "asyncio.events"} & loaded
    making = {"layers.venv.cold", "layers.venv.warm", "installed.heavy.links", "interpreter.installation", "sbom"}
    assert not {f"uv_buildpack.{name}" for name in making} & loaded
    used = loaded_after(f"{program}, structlog, asyncio, httpx; assert structlog.stdlib.asyncio.run; httpx.Client")
    assert {"asyncio.events", "httpx._client"} <= used


def loaded_after(program: str) -> set[str]:
    """Return the modules that a new interpreter has after a program."""
    program = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {program}; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True).stdout.split()
    )


def test_every_file_with_tests_is_collected(pytestconfig: pytest.Config) -> None:
    """Of itself pytest passes over directories called `venv`, `build` or `dist`."""
    passed_over = pytestconfig.getini("norecursedirs")
    files = [path for root in ("tests", "integration") for path in (SOURCE.parent / root).rglob("test_*.py")]
    assert files
    parts = {part for path in files for part in path.relative_to(SOURCE.parent).parts}
    assert [part for part in parts if any(fnmatch(part, pattern) for pattern in passed_over)] == []
