"""Interpreters for the campaign: of two minors, with so much of the standard library as its builds need.

A clean build of everything follows each step, so that what a build costs decides how many steps there are.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trial.prerequisites import make_archive
from uv_buildpack.downloads import archive

if TYPE_CHECKING:
    from collections.abc import Iterator

_OLDEST = (3, 11)
_MINORS = range(20, 10, -1)

# Run by an interpreter that was unpacked: prints what it has loaded then, libraries too.
_NEEDED = """
import base64, contextlib, ctypes, email.message, email.parser, email.policy, hashlib, importlib.metadata, \
    importlib.util, json, logging, marshal, os, pathlib, platform, runpy, site, ssl, struct, subprocess, sys, \
    sysconfig, tomllib, traceback, zipfile, zlib
import encodings.cp437, encodings.idna, encodings.latin_1, encodings.ascii
sysconfig.get_config_var("prefix")
known = 0
while known < len(sys.modules):  # since 3.15 modules import others when a name is looked at (PEP 810)
    known = len(sys.modules)
    for module in list(sys.modules.values()):
        for name in list(getattr(module, "__dict__", ())):
            with contextlib.suppress(ImportError):
                getattr(module, name, None)
loaded = {getattr(module, "__file__", None) for module in sys.modules.values()} - {None}
loaded |= {line.split()[-1] for line in open("/proc/self/maps") if "/lib" in line}
print(json.dumps(sorted(loaded)))
"""
_UNWANTED = ("_lzma.", "liblzma.")


@dataclass(frozen=True, slots=True)
class Supply:
    """A mirror of small archives, and two catalogues: `patched.json` has a later build of the newest version."""

    directory: Path
    minors: tuple[str, ...]

    def variables(self, *, patched: bool) -> dict[str, str]:
        """Return the settings that make a build use it."""
        catalogue = "patched.json" if patched else "catalogue.json"
        return {
            "BP_PYTHON_MIRROR": f"file://{self.directory}",
            "BP_PYTHON_CATALOGUE": str(self.directory / catalogue),
        }


def supply(cache: Path) -> Supply:
    """Make the archives, or take those that an earlier run made of the same interpreters."""
    pythons = _pythons()
    # This file decides what is in them.
    made_from = [*map(str, pythons.values()), Path(__file__).read_text(encoding="utf-8")]
    directory = cache / hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:12]
    minors = tuple(pythons)
    if not (directory / "patched.json").is_file():
        shutil.rmtree(directory, ignore_errors=True)
        with tempfile.TemporaryDirectory() as scratch:
            make_archive(list(pythons.values()), Path(scratch))
            _prune_all(Path(scratch), directory)
    return Supply(directory, minors)


def _pythons() -> dict[str, Path]:
    """Return this interpreter and the newest of another minor that is found: minor → path."""
    own = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    found = {_minor(own): own}
    for path in _candidates(own):
        minor = _minor(path)
        if minor and minor not in found:
            return found | {minor: path.resolve()}
    return found


def _candidates(own: Path) -> Iterator[Path]:
    for minor in _MINORS:
        # Interpreters that lie beside this one (pyenv, uv), and those on PATH.
        yield from sorted(own.parents[2].glob(f"*/bin/python3.{minor}"))
        if path := shutil.which(f"python3.{minor}"):
            yield Path(path)


def _minor(python: Path) -> str:
    program = "import sys; print('%d.%d' % sys.version_info[:2], sys.version_info >= (3, 11))"
    done = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=False)
    minor, _, usable = done.stdout.strip().partition(" ")
    return minor if usable == "True" else ""


def _prune_all(source: Path, target: Path) -> None:
    document = json.loads((source / "catalogue.json").read_text(encoding="utf-8"))
    builds = [_prune(source, target, entry, "20250101") for entry in document["builds"]]
    newest = max(document["builds"], key=lambda entry: [int(part) for part in entry["version"].split(".")])
    later = _prune(source, target, newest, "20250202")
    _write_catalogue(target / "catalogue.json", builds)
    _write_catalogue(target / "patched.json", [*builds, later])


def _write_catalogue(path: Path, builds: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps({"builds": builds}, indent=2), encoding="utf-8")


def _prune(source: Path, target: Path, entry: dict[str, Any], date: str) -> dict[str, Any]:
    """Write the small archive of one build, as of another date, and return its catalogue entry."""
    with tempfile.TemporaryDirectory() as scratch:
        archive.extract(source / entry["path"], Path(scratch))
        root = Path(scratch).resolve() / "python"
        minor = ".".join(entry["version"].split(".")[:2])
        stamp = root / "lib" / f"python{minor}" / "_campaign_build.py"
        stamp.write_text(f"DATE = {date}\n", encoding="utf-8")
        kept = sorted({*_loaded(root, minor), *_always(root, minor), stamp})
        content = _archive(root, kept)
    path = entry["path"].replace(entry["date"], date)
    (target / path).parent.mkdir(parents=True, exist_ok=True)
    (target / path).write_bytes(content)
    return {**entry, "date": date, "path": path, "sha256": hashlib.sha256(content).hexdigest()}


def _loaded(root: Path, minor: str) -> Iterator[Path]:
    argv = [str(root / "bin" / f"python{minor}"), "-I", "-S", "-B", "-c", _NEEDED]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    for name in json.loads(done.stdout):
        path = Path(name).resolve()
        if path.is_relative_to(root) and not path.name.startswith(_UNWANTED):
            yield path


def _always(root: Path, minor: str) -> Iterator[Path]:
    """Return files that are not loaded and yet belong to an interpreter; links are kept as links."""
    yield from (path for path in (root / "lib").glob("libpython*"))
    library = root / "lib" / f"python{minor}"
    for pattern in ("_sysconfigdata*.py", "LICENSE*", "os.py", "encodings/utf_8*.py", "lib-dynload/_blake2*"):
        yield from library.glob(pattern)
    for package in ("collections", "ctypes", "importlib/metadata", "json", "re", "tomllib", "zipfile"):
        yield from (library / package).rglob("*.py")
    yield root / "bin" / f"python{minor}"


def _archive(root: Path, files: list[Path]) -> bytes:
    target = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=target, mode="wb", mtime=0, compresslevel=1) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
        for path in files:
            tar.add(path, f"python/{path.relative_to(root)}", filter=_plain)
    return target.getvalue()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mtime = member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member
