"""Bytecode of the modules in the app directory, in each build made anew or taken from a snapshot.

It is made by the interpreter that runs the buildpack, where that is of the application's minor version, and by no
other: a build in which only sources changed has no interpreter of the application on its disk, and equal inputs have
equal bytes. See docs/decisions/0007-app-modules-are-compiled-by-the-runtime.md.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import sys
from dataclasses import dataclass
from importlib.util import cache_from_source
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cnb.documents import parse_json
from uv_buildpack import disk, log
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.errors import InterpreterFailed
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.policy import APP_MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uv_buildpack.interpreter.catalogue import CPythonBuild
    from uv_buildpack.snapshots.policy import Store

SCHEME = "1"
_CONTENT = "modules"
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)
_NEVER_MODULES = frozenset({"__pycache__", "node_modules", wanted.TESTS})


@dataclass(frozen=True, slots=True)
class _Source:
    """A module: its path, and the digest of its text."""

    path: Path
    digest: str


_Bytecode = dict[_Source, bytes]
"""Content of the `.pyc` files; empty for a source that does not compile."""


def contribute(app_dir: Path, build: CPythonBuild, store: Store, scratch: Path) -> None:
    """Write bytecode beside the modules in the app directory, and keep it for the next build.

    Nothing may read the app directory's sources afterwards to decide something. `scratch` is an existing directory.
    What cannot be compiled or written is left: it is compiled when it is imported. Raises `OSError`.
    """
    if not is_made_for(build):
        needed = f"{build.version}{'t' if build.freethreaded else ''}"
        log.step(f"modules of the app are not compiled: they need Python {needed}, the buildpack runs on {_minor()}")
        if store.directory is not None:
            file_format.forget(store.directory, APP_MODULES)
        return
    sources = list(_sources(app_dir))
    kept = _recall(app_dir, store, scratch)
    known = {source: kept[source] for source in sources if source in kept}
    try:
        made = _compile([source for source in sources if source not in known], scratch)
    except InterpreterFailed as error:
        if error.status in _KILLED:
            raise  # for lack of memory, say: the next build would compile what this one did not
        # The same without the snapshot: what is in the image does not depend on what was known.
        log.warning("Modules of the app are not compiled.", str(error))
        known = made = {}
    found = known | made
    written = {source for source, content in found.items() if content and _write(source.path, content)}
    log.step(f"bytecode of {len(written)} modules, {len(written & made.keys())} of them new")
    if found != kept:
        _keep(found, app_dir, store, scratch)


def is_made_for(build: CPythonBuild) -> bool:
    """Tell whether the interpreter that runs this makes bytecode for a build: it is the same within a minor version."""
    return not build.freethreaded and build.version.rpartition(".")[0] == _minor()


def _minor() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def _sources(app_dir: Path) -> Iterator[_Source]:
    """Give the modules that an application may import; neither links nor virtual environments are followed."""
    for parent, directories, names in os.walk(app_dir):
        if "pyvenv.cfg" in names:
            directories.clear()
            continue
        directories[:] = [name for name in directories if name not in _NEVER_MODULES and not name.startswith(".")]
        for name in names:
            if name.endswith(".py") and not name.startswith("."):
                yield from _source(Path(parent, name))


def _source(path: Path) -> Iterator[_Source]:
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            yield _Source(path, hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        log.debug(f"not compiled: {error}")


def _compile(sources: Sequence[_Source], scratch: Path) -> _Bytecode:
    """Compile sources, apart from the app directory. Raises `InterpreterFailed`, `OSError`."""
    if not sources:
        return {}
    prefix = scratch / "app-bytecode"
    files = [source.path for source in sources]
    failures = compiling.compile_files(Path(sys.executable), files, "checked-hash", prefix=prefix)
    for failure in failures:
        log.debug(f"not compiled: {failure}")
    failed = {failure.path for failure in failures}
    return {source: b"" if source.path in failed else _below(prefix, source.path).read_bytes() for source in sources}


def _below(prefix: Path, source: Path) -> Path:
    """Give where bytecode is written with a `sys.pycache_prefix`."""
    return prefix / source.parent.relative_to("/") / _name(source)


def _name(source: Path) -> str:
    return Path(cache_from_source(source)).name


def _write(source: Path, content: bytes) -> bool:
    """Write bytecode where CPython looks for it, and tell whether that could be done."""
    directory = source.parent / "__pycache__"
    path = directory / _name(source)
    try:
        directory.mkdir(exist_ok=True)
        if directory.is_symlink():
            return False
        path.unlink(missing_ok=True)  # it may be a link, or a hard link into something else
        path.write_bytes(content)
    except OSError as error:
        if disk.is_full(error):
            raise
        log.debug(f"not written: {error}")
        return False
    return True


def _recall(app_dir: Path, store: Store, scratch: Path) -> _Bytecode:
    """Give what the last build kept, if it was made in the same way. Raises `OSError`."""
    snapshot = store.find(APP_MODULES)
    if snapshot is None or not _key(app_dir).items() <= dict(snapshot.key).items():
        return {}
    target = scratch / "app-known"
    target.mkdir()
    try:
        file_format.unpack(snapshot, target)
        with (target / _CONTENT).open("rb") as file:
            return {_Source(app_dir / path, digest): file.read(size) for path, digest, size in _rows(file)}
    except (FileNotFoundError, ValueError) as error:
        log.debug(f"bytecode of the last build cannot be used: {error}")
        return {}


def _rows(file: IO[bytes]) -> Iterator[tuple[str, str, int]]:
    rows = parse_json(file.readline(), _CONTENT)
    for row in rows if isinstance(rows, list) else [rows]:
        match row:
            case [str() as path, str() as digest, int() as size] if size >= 0:
                yield path, digest, size
            case _:
                message = "its list of modules is damaged"
                raise ValueError(message)


def _keep(found: _Bytecode, app_dir: Path, store: Store, scratch: Path) -> None:
    """Keep bytecode for the next build, whatever its size: each build has use for it. Raises `OSError`."""
    if store.directory is None:
        return
    tree = scratch / "app-kept"
    tree.mkdir()
    rows = [(str(source.path.relative_to(app_dir)), source.digest, len(content)) for source, content in found.items()]
    with (tree / _CONTENT).open("wb") as file:
        file.write(json.dumps(rows).encode() + b"\n")
        file.writelines(found.values())
    file_format.keep(store.directory, APP_MODULES, tree, _key(app_dir))


def _key(app_dir: Path) -> Mapping[str, str]:
    """Give what bytecode depends on beside its source; another build of the same version may make other bytes."""
    return {"scheme": SCHEME, "runtime": sys.version, "app": str(app_dir)}
