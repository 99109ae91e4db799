"""What the buildpack takes for granted of an archive: each claim, and what contradicts it."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from buildpackage.bytecode import Compiler
from buildpackage.runtime import Installation, write_runtime
from uv_buildpack.downloads.archive import extract
from uv_buildpack.downloads.network import Network
from uv_buildpack.errors import Problem
from uv_buildpack.interpreter import relocation
from uv_buildpack.interpreter.catalogue import program
from uv_buildpack.interpreter.installation import compile_stdlib, install

if TYPE_CHECKING:
    from collections.abc import Iterator

    from release_check.release import Release

    Claim = tuple[str, list[str]]

_SHOWN = 8
_TOP = frozenset({"bin", "include", "lib", "share", "licenses"})
# What lies in `lib` beside the standard library and what is known to be left out.
_LIBRARIES = re.compile(r"python3\.\d+t?|libpython3[\w.]*|pkgconfig|carried")
_COMMANDS = re.compile(r"python(3(\.\d+t?)?)?(-config)?")
_MUSL = {"x86_64": "/lib/ld-musl-x86_64.so.1", "aarch64": "/lib/ld-musl-aarch64.so.1"}

_ASKED = """
import bz2, ctypes, decimal, hashlib, lzma, pyexpat, socket, sqlite3, ssl, uuid, zlib
import importlib.util, json, sys, sysconfig
if sys.version_info >= (3, 14):
    from compression import zstd
    assert zstd.decompress(zstd.compress(b"ok")) == b"ok"
def flags(module):
    try:
        with open(importlib.util.cache_from_source(module.__file__), "rb") as opened:
            return opened.read(8)[4]
    except OSError:
        return None
modules = [m for m in list(sys.modules.values()) if (getattr(m, "__file__", None) or "").endswith(".py")]
modules = [m for m in modules if m.__spec__ and m.__spec__.origin != "frozen"]
print(json.dumps({
    "not from unchecked bytecode": [m.__name__ for m in modules if flags(m) != 1],
    "variables of the build": sorted(
        f"{name}={value}" for name, value in sysconfig.get_config_vars().items()
        if any(word.startswith("/install") or "/tools/" in word for word in str(value).split())
    ),
}))
"""
_EXTENSION = """
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "checked", "", -1, NULL};
PyMODINIT_FUNC PyInit_checked(void) { return PyModule_Create(&definition); }
"""
_BUILDS = """
import shlex, subprocess, sys, sysconfig
suffix = sysconfig.get_config_var("EXT_SUFFIX")
words = shlex.split(sysconfig.get_config_var("LDSHARED")) + shlex.split(sysconfig.get_config_var("CFLAGS"))
place = sysconfig.get_path("include")
subprocess.run([*words, "-fPIC", "-I", place, "checked.c", "-o", "checked" + suffix], check=True)
sys.path.insert(0, "")
import checked
"""
_CARRIED = "import asyncio, bz2, ctypes, decimal, email, hashlib, json, lzma, ssl, sysconfig, unicodedata, uuid, zlib"


def check(release: Release, scratch: Path) -> Iterator[Claim]:
    """Yield each claim with the lines that contradict it; none where it holds. `scratch` is an empty directory."""
    yield from _layout(release)
    layer = scratch / "layers" / "python"
    layer.mkdir(parents=True)
    if not _runs_here(release):
        extract(release.archive, layer, strip_components=1, wanted=relocation.is_wanted)
        relocation.move(layer)
        yield from _layer(release, layer)
        return
    try:
        install(release.build, layer, mirror=release.archive.parent.as_uri(), network=Network())
        compile_stdlib(release.build, layer)
    except Problem as problem:
        yield "it is installed and starts", [problem.what, *problem.facts]
        return
    yield "it is installed and starts", []
    yield from _layer(release, layer)
    yield from _use(release, layer, scratch)


def _layout(release: Release) -> Iterator[Claim]:
    names = [PurePosixPath(name) for name in release.names]
    outside = [str(name) for name in names if name.parts[:1] != ("python",)]
    yield "everything lies in one directory, python/", outside[:_SHOWN]
    inside = [PurePosixPath(*name.parts[1:]) for name in names if len(name.parts) > 1]
    unknown = {path for path in inside if path.parts[0] not in _TOP}
    for path in inside:
        if path.parts[0] == "lib" and len(path.parts) > 1:
            known = relocation.is_dropped(PurePosixPath("lib", path.parts[1])) or _LIBRARIES.fullmatch(path.parts[1])
            unknown |= set() if known else {PurePosixPath("lib", path.parts[1])}
        if path.parts[0] == "bin" and len(path.parts) > 1:
            known = relocation.is_dropped(path) or _COMMANDS.fullmatch(path.name)
            unknown |= set() if known else {path}
    yield "each name is one that is kept or left out on purpose", sorted(str(path) for path in unknown)[:_SHOWN]
    wanted = [f"bin/{release.name}", f"include/{release.name}/Python.h", f"lib/{release.name}/os.py"]
    present = {str(path) for path in inside}
    yield "interpreter, headers and library are where they are looked for", [n for n in wanted if n not in present]
    bytecode = [str(path) for path in inside if path.suffix == ".pyc"]
    yield "it brings no bytecode", bytecode[:_SHOWN]


def _layer(release: Release, layer: Path) -> Iterator[Claim]:
    links = [str(path.relative_to(layer)) for path in layer.rglob("*") if path.is_symlink() and not path.exists()]
    yield "no link leads nowhere after pruning", links[:_SHOWN]
    (described, *more) = [*layer.glob("lib/python*/_sysconfigdata_*.py"), layer]
    yield "there is one description of the build", [] if len(more) == 1 else [str(path) for path in more]
    if more:
        libdir = relocation.read_variables(described).get("LIBDIR")
        wrong = [] if libdir == str(layer / "lib") else [f"LIBDIR is {libdir}"]
        yield "it names the place of the layer", wrong
    texts = [*layer.glob("lib/python*/_sysconfig*"), *layer.glob("lib/pkgconfig/*"), *layer.glob("bin/*-config")]
    texts += [*layer.glob("lib/python*/build-details.json"), *layer.glob("lib/python*/config-*/Makefile")]
    left = [str(path.relative_to(layer)) for path in texts if _names_the_build(path.read_text(encoding="utf-8"))]
    yield "no text that is used in builds names the place of its own build", left[:_SHOWN]
    header = layer / "include" / release.name / "Python.h"
    yield "headers are kept", [] if header.is_file() else [str(header.relative_to(layer))]


def _names_the_build(text: str) -> bool:
    return re.search(r"(?:^|[\s'\"=:,]|-[ILRB])/(?:install|tools)/", text) is not None


def _use(release: Release, layer: Path, scratch: Path) -> Iterator[Claim]:
    python = program(layer, release.build)
    asked = _run([str(python), "-I", "-B", "-c", _ASKED], scratch)
    if isinstance(asked, list):
        yield "the parts of the standard library that need libraries work", asked
        return
    yield "the parts of the standard library that need libraries work", []
    for claim, wrong in json.loads(asked).items():
        yield f"{claim}: none", wrong[:_SHOWN]
    if shutil.which("cc"):
        (scratch / "checked.c").write_text(_EXTENSION, encoding="utf-8")
        built = _run([str(python), "-B", "-c", _BUILDS], scratch)
        yield "a C extension is built with it and imported", built if isinstance(built, list) else []
    if release.build.variant == "default":
        unpacked = scratch / "unpacked"
        unpacked.mkdir()
        extract(release.archive, unpacked)
        installation = Installation(unpacked / "python", release.name.removeprefix("python"))
        write_runtime(installation, Compiler(installation.interpreter), scratch / "runtime")
        carried = _run([str(scratch / "runtime/bin/python3"), "-I", "-S", "-B", "-c", _CARRIED], scratch)
        yield "the buildpack can run on it", carried if isinstance(carried, list) else []


def _runs_here(release: Release) -> bool:
    if release.build.arch != {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine()):
        return False
    return release.build.libc == "gnu" or Path(_MUSL[release.build.arch]).exists()


def _run(argv: list[str], directory: Path) -> str | list[str]:
    """Return what a program prints; the last lines of its errors where it fails."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else (done.stderr.strip() or "it fails").splitlines()[-_SHOWN:]
