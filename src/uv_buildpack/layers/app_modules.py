"""Bytecode of the modules in the app directory, compiled in each build or taken from a snapshot.

The inputs say which interpreter makes it, never what is on the disk: equal inputs have equal bytes (`app_compiler`).
`CHECKED_HASH`: https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, Protocol

from cnb.documents import parse_json
from uv_buildpack import disk, log
from uv_buildpack.bytecode import compiling, wanted
from uv_buildpack.errors import InterpreterFailed, Problem
from uv_buildpack.project import app_files
from uv_buildpack.snapshots import file_format
from uv_buildpack.snapshots.policy import APP_MODULES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from uv_buildpack.snapshots.policy import Snapshots

SCHEME = "2"
_CONTENT, _SUFFIX = "modules", "suffix"
_SHOWN = 5
_KILLED = (-signal.SIGKILL, -signal.SIGTERM)
_NEVER_MODULES = frozenset({"__pycache__", "node_modules", wanted.TESTS})


class _Source(NamedTuple):
    """A module: its path, and the digest of its text."""

    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class _Bytecode:
    """Content of the `.pyc` files; empty for a source that does not compile."""

    suffix: str = ""
    """What the interpreter adds to the name of a module: `.cpython-315.pyc`."""
    contents: Mapping[_Source, bytes] = field(default_factory=dict)


class Compiler(Protocol):
    """The interpreter that compiles, and what tells it from others."""

    @property
    def identity(self) -> str:
        """Different where the bytes may be."""
        ...

    def interpreter(self) -> Path:
        """Return it, ready to be started. Raises `Problem`, `OSError`."""
        ...


def contribute(app_dir: Path, compiler: Compiler, snapshots: Snapshots, scratch: Path) -> None:
    """Write bytecode beside the modules in the app directory, and keep it for the next build.

    Nothing may read the app directory's sources afterwards to decide something. `scratch` is an existing directory.
    What cannot be compiled or written is left: it is compiled when it is imported. Raises `OSError`.
    """
    key = {"scheme": SCHEME, "compiler": compiler.identity, "app": str(app_dir)}
    kept = _recall(app_dir, key, snapshots, scratch)
    refused: list[OSError] = []
    sources = list(_sources(app_dir, refused))
    _warn_of_refused(app_dir, refused)
    known = {source: kept.contents[source] for source in sources if source in kept.contents}
    new = [source for source in sources if source not in known]
    made = _Bytecode()
    try:
        if new:
            made = _compile(new, compiler.interpreter(), scratch)
    except Problem as error:
        if isinstance(error, InterpreterFailed) and error.status in _KILLED:
            raise  # lack of memory, for example: the next build would compile what this one did not
        # The same without the snapshot: what is in the image does not depend on what was known.
        log.warning("Modules of the app are not compiled.", str(error))
        known = {}
    found = _Bytecode(made.suffix or kept.suffix, {**known, **made.contents})
    written = {source for source, content in found.contents.items() if content and _write(source.path, found, content)}
    log.step(f"bytecode of {len(written)} modules, {len(written & made.contents.keys())} of them new")
    if found.contents != kept.contents and snapshots.directory is not None:
        _keep(found, app_dir, key, snapshots.directory, scratch)


def _sources(app_dir: Path, refused: list[OSError]) -> Iterator[_Source]:
    """Return the modules that an application may import; neither links nor virtual environments are followed."""
    for parent, directories, names in os.walk(app_dir, onerror=refused.append):
        if "pyvenv.cfg" in names:
            directories.clear()
            continue
        directories[:] = [name for name in directories if name not in _NEVER_MODULES and not name.startswith(".")]
        for name in names:
            if name.endswith(".py") and not name.startswith("."):
                yield from _source(Path(parent, name), refused)


def _source(path: Path, refused: list[OSError]) -> Iterator[_Source]:
    try:
        if stat.S_ISREG(path.lstat().st_mode):
            yield _Source(path, hashlib.sha256(path.read_bytes()).hexdigest())
    except OSError as error:
        refused.append(error)


def _warn_of_refused(app_dir: Path, refused: Sequence[OSError]) -> None:
    """Warn of files of the app that cannot be read: the container's user will hardly be able to either."""
    lines = [f"{app_files.shown(app_dir, Path(error.filename))} ({error.strerror})" for error in refused]
    if lines:
        more = f" and {len(lines) - _SHOWN} others" if len(lines) > _SHOWN else ""
        log.warning(
            f"Sources of the app cannot be read: {', '.join(sorted(lines)[:_SHOWN])}{more}.",
            "The build cannot see what they start, and the application may not be able to import them.",
            "Let the build's user read them (chmod a+rX).",
        )


def _compile(sources: Sequence[_Source], python: Path, scratch: Path) -> _Bytecode:
    """Compile sources, apart from the app directory. Raises `InterpreterFailed`, `OSError`."""
    prefix = scratch / "app-bytecode"
    failures = compiling.compile_files(python, [source.path for source in sources], "checked-hash", prefix=prefix)
    for failure in failures:
        log.debug(f"not compiled: {failure}")
    failed = {failure.path for failure in failures}
    suffix, contents = "", {}
    for source in sources:
        contents[source] = b""
        if source.path not in failed:
            # The interpreter alone knows its tag.
            (path,) = _below(prefix, source.path).glob(f"{escape(source.path.stem)}.cpython-*.pyc")
            suffix, contents[source] = path.name.removeprefix(source.path.stem), path.read_bytes()
    return _Bytecode(suffix, contents)


def _below(prefix: Path, source: Path) -> Path:
    """Return the directory of the bytecode of a source with this `sys.pycache_prefix`."""
    return prefix / source.parent.relative_to("/")


def _write(source: Path, bytecode: _Bytecode, content: bytes) -> bool:
    """Write bytecode where CPython looks for it, and return whether that could be done."""
    directory = source.parent / "__pycache__"
    path = directory / f"{source.stem}{bytecode.suffix}"
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


def _recall(app_dir: Path, key: Mapping[str, str], snapshots: Snapshots, scratch: Path) -> _Bytecode:
    """Return what the last build kept, if it was made in the same way. Raises `OSError`."""
    snapshot = snapshots.find(APP_MODULES)
    if snapshot is None or not key.items() <= dict(snapshot.key).items():
        return _Bytecode()
    target = scratch / "app-known"
    target.mkdir()
    try:
        file_format.unpack(snapshot, target)
        with (target / _CONTENT).open("rb") as file:
            contents = {_Source(app_dir / path, digest): file.read(size) for path, digest, size in _rows(file)}
    except (FileNotFoundError, ValueError) as error:
        log.debug(f"bytecode of the last build cannot be used: {error}")
        return _Bytecode()
    return _Bytecode(snapshot.key.get(_SUFFIX, ""), contents)


def _rows(file: IO[bytes]) -> Iterator[tuple[str, str, int]]:
    rows = parse_json(file.readline(), _CONTENT)
    for row in rows if isinstance(rows, list) else [rows]:
        match row:
            case [str() as path, str() as digest, int() as size] if size >= 0:
                yield path, digest, size
            case _:
                message = "its list of modules is damaged"
                raise ValueError(message)


def _keep(found: _Bytecode, app_dir: Path, key: Mapping[str, str], directory: Path, scratch: Path) -> None:
    """Keep bytecode for the next build, whatever its size: each build has use for it. Raises `OSError`."""
    tree = scratch / "app-kept"
    tree.mkdir()
    items = found.contents.items()
    rows = [(str(source.path.relative_to(app_dir)), source.digest, len(content)) for source, content in items]
    with (tree / _CONTENT).open("wb") as file:
        file.write(json.dumps(rows).encode() + b"\n")
        file.writelines(found.contents.values())
    file_format.keep(directory, APP_MODULES, tree, {**key, _SUFFIX: found.suffix})
