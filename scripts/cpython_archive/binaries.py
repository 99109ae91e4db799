"""The binaries of an installation: stripped, with the shared libraries they need, and relative run paths."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cpython_archive.copying import copy
from cpython_archive.tools import output_of
from uv_buildpack.interpreter import relocation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cpython_archive.installation import Installation

#: What every libc brings along: these libraries must be the base image's.
_LIBC_OWN: Final = re.compile(
    r"(ld-linux|ld-musl|linux-vdso|libc|libm|libdl|libpthread|librt|libutil|libresolv|libanl)[-.].*|libnsl\.so\.1"
)


def relocate_binaries(source: Installation, root: Path, *, patchelf: str, strip: str | None) -> None:
    """Strip every binary, carry the shared libraries they need, and return each a relative run path to those.

    `patchelf` and `strip` are programs; without the second one the archive is several times as large.
    """
    carried = root / "lib" / "carried"
    own = {path.name for path in root.glob("lib/*.so*")}
    binaries = list(_binaries(root))
    _carry([*_originals(source), *binaries], carried, own)
    for path in [*binaries, *sorted(carried.glob("*"))]:
        if strip is not None:
            # Before patchelf: strip may break what patchelf has moved.
            output_of([strip, "--strip-unneeded", str(path)])
        _set_run_path(path, root, own, patchelf)
        if not source.is_system:
            _overwrite(path, source.prefix, relocation.BUILD_PREFIX)
            _overwrite(path, Path(source.build_directory), "/build")


def _binaries(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and _is_elf(path):
            yield path


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _originals(source: Installation) -> list[Path]:
    return [source.executable] if source.shared_library is None else [source.executable, source.shared_library]


def _carry(binaries: Iterable[Path], carried: Path, own: set[str]) -> None:
    """Copy the libraries that the dynamic linker finds here for `binaries`, and for those in turn (`ldd` does)."""
    found = {name: path for binary in binaries for name, path in _linked(binary)}
    for name, path in sorted(found.items()):
        if name not in own and _LIBC_OWN.fullmatch(name) is None:
            copy(Path(path).resolve(), carried / name)
            (carried / name).chmod(0o755)


def _linked(binary: Path) -> Iterator[tuple[str, str]]:
    for line in output_of(["ldd", str(binary)], may_fail=True).splitlines():
        found = re.match(r"\s*(\S+) => (/\S+)", line)
        if found:
            yield found[1], found[2]
        elif "not found" in line and "libpython" not in line:
            sys.exit(f"{binary}: {line.strip()}")


def _set_run_path(path: Path, root: Path, own: set[str], patchelf: str) -> None:
    needed = set(output_of([patchelf, "--print-needed", str(path)]).split())
    carried = {library.name for library in (root / "lib" / "carried").glob("*")}
    places = [root / "lib"] * bool(needed & own) + [root / "lib" / "carried"] * bool(needed & carried)
    run_path = ":".join(_from_origin(path, place) for place in places)
    if run_path:
        output_of([patchelf, "--set-rpath", run_path, str(path)])
    elif output_of([patchelf, "--print-rpath", str(path)]).strip():
        # Removing alone would leave the old text in the file; setting overwrites it.
        output_of([patchelf, "--set-rpath", "$ORIGIN", str(path)])
        output_of([patchelf, "--remove-rpath", str(path)])


def _overwrite(path: Path, directory: Path, new: str) -> None:
    """Replace a path that is compiled in (CPython's last resort of search, names of sources) by one of equal length.

    Only the parent of `directory`: linkers share tails of strings, and `3.9.18` may be that of `/.../versions/3.9.18`.
    """
    old = str(directory.parent)
    content = path.read_bytes()
    if len(old) > len(new) and old.encode() in content:
        path.write_bytes(content.replace(old.encode(), new.ljust(len(old), "/").encode()))


def _from_origin(path: Path, place: Path) -> str:
    relative = os.path.relpath(place, path.parent)
    return "$ORIGIN" if relative == "." else f"$ORIGIN/{relative}"
