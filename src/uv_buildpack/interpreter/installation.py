"""Installing CPython: an archive, moved to where it will be, pruned, its standard library compiled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from uv_buildpack import command, disk, log
from uv_buildpack.bytecode import compiling
from uv_buildpack.downloads import archive, download
from uv_buildpack.errors import PythonUnusable
from uv_buildpack.interpreter import relocation
from uv_buildpack.interpreter.catalogue import program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uv_buildpack.downloads.network import Network
    from uv_buildpack.interpreter.catalogue import CPythonBuild

DEFAULT_MIRROR = "https://github.com/astral-sh/python-build-standalone/releases/download"
_LARGEST_ARCHIVE = 400 * 1024 * 1024
_SECONDS_TO_START = 120
"""For a question that takes a tenth of a second: emulated machines are slow, and one that waits would wait for ever."""


def address(build: CPythonBuild, mirror: str | None = None) -> str:
    """Return the address of a build's archive; `mirror` replaces the base of the releases."""
    return f"{(mirror or DEFAULT_MIRROR).rstrip('/')}/{build.path.replace('+', '%2B')}"


def install(
    build: CPythonBuild, directory: Path, *, mirror: str | None, network: Network, places: Sequence[Path] = ()
) -> None:
    """Fill the empty layer: fetch the archive, unpack, prune, move, start the interpreter once.

    An archive of that name in one of the directories `places` is taken instead of a download.
    Raises `Problem`, `OSError`.
    """
    with disk.full_is_said("making the layer python"):
        _unpack(build, directory, _place(build, mirror, places), network)
        python = program(directory, build)
        if not python.is_file():
            raise PythonUnusable(build.version, f"There is no bin/{python.name} in the archive.")
        _link(python)
        _forbid_installing(directory)
        _verify(build, python)


def compile_stdlib(build: CPythonBuild, directory: Path) -> None:
    """Compile the standard library in the layer: archives carry no bytecode. Raises `Problem`."""
    with disk.full_is_said("making the layer python"):
        for failure in compiling.compile_tree(program(directory, build), directory / "lib"):
            log.debug(f"not compiled: {failure}")


def _place(build: CPythonBuild, mirror: str | None, places: Sequence[Path]) -> str:
    """Return the address that the archive comes from."""
    paths = (place / build.path.rsplit("/", 1)[-1] for place in places)
    at_hand = next((path for path in paths if path.is_file()), None)
    if at_hand is not None:
        log.detail(f"CPython comes from {at_hand}")
        return at_hand.as_uri()
    if mirror is not None:
        log.detail(f"CPython comes from the mirror {mirror}")
    return address(build, mirror)


def _unpack(build: CPythonBuild, directory: Path, url: str, network: Network) -> None:
    fetched = directory.with_name(f".{directory.name}.archive")
    try:
        download.fetch(url, fetched, sha256=build.sha256, max_bytes=_LARGEST_ARCHIVE, network=network)
        log.step(f"unpacking CPython {build.version} ({build.date})")
        shown = build.path.rpartition("/")[2]
        archive.extract(fetched, directory, shown=shown, strip_components=1, wanted=relocation.is_wanted)
    finally:
        fetched.unlink(missing_ok=True)
    try:
        relocation.move(directory)
    except (OSError, ValueError, TypeError, AttributeError, SyntaxError, RecursionError, MemoryError) as error:
        if isinstance(error, OSError) and disk.is_full(error):
            raise
        raise PythonUnusable(build.version, f"Its build-time variables cannot be read: {error}") from error


def _link(python: Path) -> None:
    for name in ("python", "python3"):
        link = python.with_name(name)
        link.unlink(missing_ok=True)
        link.symlink_to(python.name)


def _forbid_installing(directory: Path) -> None:
    """Mark the interpreter as PEP 668 has it: what is installed into a layer is lost when the layer is reused.

    Environments are not concerned; uv marks its own interpreters in the same way. https://peps.python.org/pep-0668/
    """
    for library in directory.glob("lib/python*.*/"):
        marker = library / "EXTERNALLY-MANAGED"
        marker.write_text(
            "[externally-managed]\nError=This Python belongs to the buildpack uv-buildpack/python. Install into the\n"
            "  environment that VIRTUAL_ENV names, or add the package to pyproject.toml and run `uv lock`.\n",
            encoding="utf-8",
        )
        marker.chmod(0o644)


#: What an application, or uv in its name, needs first; an archive without the libraries it was linked with shows here.
_QUESTIONS = """
import ctypes, hashlib, json, platform, ssl, sys, sysconfig, zlib
print(platform.python_version())
print(sys.base_prefix)
print(sysconfig.get_config_var("LIBDIR"))
print("freethreaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else "default")
print(platform.machine())
"""


def _verify(build: CPythonBuild, python: Path) -> None:
    """Start the interpreter: does it run in this image, and is it what the catalogue says, and in the right place?"""
    prefix = python.parents[1]
    try:
        # It leaves bytecode of what it imports: who starts it before the library is compiled has less to do then.
        # In a layer that stays every module is compiled again afterwards.
        question: list[str | Path] = [python, "-I", "-c", _QUESTIONS]
        environment = {"LC_ALL": "C.UTF-8"}
        done = command.run(question, environment=environment, cwd=Path("/"), seconds=_SECONDS_TO_START)
    except OSError as error:
        raise PythonUnusable(build.version, str(error)) from error
    expected = [build.version, str(prefix), str(prefix / "lib"), build.variant, build.arch]
    if done.returncode or done.stdout.splitlines() != expected:
        said = done.stderr or f"expected {' '.join(expected)}\nfound    {' '.join(done.stdout.splitlines())}"
        raise PythonUnusable(build.version, said.strip())
