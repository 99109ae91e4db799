"""The interpreter that the package carries: a CPython archive, pruned to what the buildpack and uv ask of it."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildpackage.archive import write_zip
from buildpackage.elf import is_elf, needed, stripped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from buildpackage.bytecode import Compiler

# Whole packages and modules of the standard library that neither a build nor a build backend imports.
_UNUSED = re.compile(
    r"(test|idlelib|tkinter|turtledemo|turtle\.py|ensurepip|lib2to3|pydoc_data|venv|_pyrepl|curses|dbm|sqlite3"
    r"|__phello__|__hello__\.py|antigravity\.py|this\.py|config-.*|site-packages|lib-dynload|__pycache__)(/|$)"
)
_TESTS = re.compile(r"/tests?/")
# Extension modules: tests, terminals, databases, and the tables of East Asian encodings.
_UNUSED_EXTENSIONS = re.compile(
    r"_test|_xxtest|xx|_ctypes_test|_tkinter|_curses|readline|_g?dbm|_sqlite3|_codecs_|_multibytecodec|_zstd_test"
    r"|nis\.|ossaudiodev|spwd|_crypt|audioop"
)
_MINOR = re.compile(r"python(\d+\.\d+)")


class NotAnInterpreter(Exception):
    """The archive does not hold a CPython in the layout of python-build-standalone."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An unpacked CPython: `root` holds `bin` and `lib`; `minor` is `3.13`."""

    root: Path
    minor: str

    @property
    def interpreter(self) -> Path:
        """The executable file itself, not a link to it."""
        return self.root / "bin" / f"python{self.minor}"

    @property
    def library(self) -> Path:
        """The directory of the standard library."""
        return self.root / "lib" / f"python{self.minor}"


def find_installation(unpacked: Path) -> Installation:
    """Find the CPython in an unpacked archive. Raises NotAnInterpreter."""
    for interpreter in sorted(unpacked.glob("*/bin/python3.*")):
        match = _MINOR.fullmatch(interpreter.name)
        if match and is_elf(interpreter):
            return Installation(interpreter.parent.parent, match[1])
    message = f"no <directory>/bin/python3.N in {unpacked}"
    raise NotAnInterpreter(message)


def write_runtime(source: Installation, compiler: Compiler, target: Path) -> None:
    """Write `target/bin/python3` and `target/lib`: the standard library as one zip, natives beside it."""
    extensions = sorted(path for path in (source.library / "lib-dynload").glob("*.so") if _is_used(path))
    _write_native(source.interpreter, target / "bin" / "python3")
    for path in [*extensions, *_libraries(source, [source.interpreter, *extensions])]:
        _write_native(path, target / path.relative_to(source.root))
    (target / "lib" / f"python{source.minor}" / "lib-dynload").mkdir(parents=True, exist_ok=True)
    # The interpreter looks for exactly this name, and takes the directory that has it for its prefix.
    standard_library = target / "lib" / f"python{source.minor.replace('.', '')}.zip"
    write_zip(standard_library, compiler.compiled(dict(_modules(source.library))))
    _copy_licence(source, target)


def _is_used(extension: Path) -> bool:
    return not _UNUSED_EXTENSIONS.match(extension.name)


def _modules(library: Path) -> Iterator[tuple[str, Path]]:
    for path in library.rglob("*.py"):
        name = path.relative_to(library).as_posix()
        if not _UNUSED.match(name) and not _TESTS.search(f"/{name}"):
            yield name, path


def _libraries(source: Installation, roots: Iterable[Path]) -> list[Path]:
    """Return the shared libraries of the archive that `roots` need, directly or not; the others stay behind."""
    carried = {path.name: path for path in (source.root / "lib").rglob("*.so*") if not path.is_symlink()}
    found: set[Path] = set()
    pending = list(roots)
    while pending:
        new = {carried[name] for name in needed(pending.pop()) if name in carried} - found
        found |= new
        pending += new
    return sorted(found)


def _write_native(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(stripped(source.read_bytes()))
    target.chmod(0o755)


def _copy_licence(source: Installation, target: Path) -> None:
    licence = source.library / "LICENSE.txt"
    if licence.is_file():
        shutil.copyfile(licence, target / "LICENSE.txt")
