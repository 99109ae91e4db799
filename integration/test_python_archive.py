"""Archives of `scripts/python-archive`: from the CPython that runs the tests, unpacked elsewhere, and started."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from uv_buildpack.bytecode.compiling import compile_files
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter.catalogue import CPythonBuild, load, program
from uv_buildpack.interpreter.installation import compile_stdlib, install

SCRIPT = Path(__file__).parents[1] / "scripts" / "python-archive"
#: What comes from libraries of the system: the archive carries those.
IMPORTS = "import bz2, ctypes, decimal, hashlib, lzma, pyexpat, readline, socket, sqlite3, ssl, uuid, zlib"


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("mirror")
    subprocess.run([SCRIPT, "--python", sys.executable, "--output", directory], check=True)
    return directory


@pytest.fixture(scope="session")
def build(mirror: Path) -> CPythonBuild:
    (found,) = load(str(mirror / "catalogue.json"), Network())
    return found


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory, mirror: Path, build: CPythonBuild) -> Path:
    directory = tmp_path_factory.mktemp("layers") / "python"
    directory.mkdir()
    install(build, directory, mirror=mirror.as_uri(), network=Network())
    compile_stdlib(build, directory)
    return directory


def said(python: Path, program: str) -> str:
    """Return what a program prints in an interpreter that is told nothing by the environment."""
    done = subprocess.run([python, "-I", "-B", "-c", program], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_interpreter_runs_where_it_was_unpacked_with_libraries_of_its_own(layer: Path, build: CPythonBuild) -> None:
    question = f"{IMPORTS}\nprint(*sorted(line.split()[-1] for line in open('/proc/self/maps') if '.so' in line))"
    mapped = {Path(place) for place in said(program(layer, build), question).split()}
    foreign = {place.name.partition(".so")[0] for place in mapped if not place.is_relative_to(layer)}
    assert {place.name for place in mapped if place.parent == layer / "lib" / "carried"} >= {"libssl.so.3", "libz.so.1"}
    assert foreign <= {"ld-linux-x86-64", "ld-linux-aarch64", "libc", "libm", "libdl", "libpthread", "librt", "libutil"}


def test_no_path_of_this_machine_is_left(layer: Path, build: CPythonBuild) -> None:
    home = said(Path(sys.executable), "import sys; print(sys.base_prefix)").strip()
    paths = said(program(layer, build), "import sysconfig; print(*sysconfig.get_paths().values())").split()
    assert [path for path in paths if not path.startswith(str(layer))] == []
    if home != "/usr":  # which every program may name
        assert [path for path in layer.rglob("*") if path.is_file() and home.encode() in path.read_bytes()] == []


def test_everything_is_loaded_from_unchecked_bytecode(layer: Path, build: CPythonBuild) -> None:
    names = "[getattr(module, '__cached__', None) for module in list(sys.modules.values())]"
    question = f"{IMPORTS}\nimport sys\nprint(*filter(None, {names}))"
    files = [Path(name) for name in said(program(layer, build), question).split()]
    assert len(files) > 10
    assert {file.read_bytes()[4] for file in files} == {0b01}


def test_bytecode_is_the_same_in_another_order(layer: Path, build: CPythonBuild) -> None:
    sources = sorted(layer.glob("lib/python3*/*.py"))
    compiled = {path: path.read_bytes() for path in layer.glob("lib/python3*/__pycache__/*.pyc")}
    compile_files(program(layer, build), sources[::-1], "unchecked-hash", jobs=3)
    assert {path: path.read_bytes() for path in compiled} == compiled


def test_a_release_would_pass_the_check_that_this_archive_passes(mirror: Path, build: CPythonBuild) -> None:
    """The check of real releases; ours stand in for them where those cannot be reached."""
    check = SCRIPT.with_name("check-release")
    done = subprocess.run([check, mirror / build.path], capture_output=True, text=True, check=False)
    failed = [line.partition("FAILED ")[2] for line in done.stdout.splitlines() if line.strip().startswith("FAILED")]
    # A machine without them (Debian's python3-dev) can make no archive that has them.
    headers = Path(sysconfig.get_path("include"), "Python.h").is_file()
    assert failed == (
        [] if headers else ["interpreter, headers and library are where they are looked for", "headers are kept"]
    )
    assert done.returncode == (0 if headers else 1)
    assert "the buildpack can run on it" in done.stdout


def test_an_archive_is_made_again_byte_for_byte(mirror: Path, tmp_path: Path) -> None:
    subprocess.run([SCRIPT, "--python", sys.executable, "--output", tmp_path], check=True, umask=0o077)
    assert load(str(tmp_path / "catalogue.json"), Network()) == load(str(mirror / "catalogue.json"), Network())
