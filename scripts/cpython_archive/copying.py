"""What belongs to an interpreter, copied to a prefix of its own."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from uv_buildpack.interpreter import relocation

if TYPE_CHECKING:
    from cpython_archive.installation import Installation

#: `nis` is gone from CPython 3.13 and would bring Kerberos along.
_NOT_WORTH_THEIR_LIBRARIES: Final = re.compile(r"nis\.[\w-]+\.so")


def copy_installation(source: Installation, root: Path) -> None:
    """Copy what belongs to the interpreter to `root`, which becomes its prefix."""
    binary = root / "bin" / f"python{source.minor}{'t' if source.freethreaded else ''}"
    copy(source.executable, binary)
    for name in ("python", "python3"):
        (root / "bin" / name).symlink_to(binary.name)
    _copy_tree(source.library, root, PurePosixPath("lib", source.library.name))
    if source.shared_library is not None:
        _copy_shared_library(source.shared_library, root)
    _copy_headers(source, root)
    for description in sorted(source.pkg_config.glob("python*3*.pc")):
        copy(description, root / "lib" / "pkgconfig" / description.name)
    (root / "lib" / source.library.name / "site-packages").mkdir(exist_ok=True)


def _copy_tree(source: Path, root: Path, place: PurePosixPath) -> None:
    for path in sorted(source.iterdir()):
        relative = place / path.name
        if not _belongs(relative):
            continue
        if path.is_dir() and not path.is_symlink():
            _copy_tree(path, root, relative)
        elif path.exists() and not _points_outside(path) and not _is_second_description(path):
            copy(path, root / relative)


def _belongs(relative: PurePosixPath) -> bool:
    outside = relative.name in {
        "site-packages",
        "dist-packages",
        "EXTERNALLY-MANAGED",
        "sitecustomize.py",
        "_distutils_system_mod.py",
    }
    return (
        not outside
        and not relocation.is_dropped(relative)
        and _NOT_WORTH_THEIR_LIBRARIES.fullmatch(relative.name) is None
    )


def _points_outside(path: Path) -> bool:
    """Links such as `sitecustomize.py -> /etc/...` or `config-*/libpython3.11.so -> ../..` do not belong here."""
    return path.is_symlink() and path.resolve().parent != path.parent.resolve()


def _is_second_description(path: Path) -> bool:
    """Debian names `_sysconfigdata_*.py` with and without the platform; its sysconfig reads the one that is no link."""
    return path.is_symlink() and path.name.startswith("_sysconfigdata_")


def copy(source: Path, target: Path) -> None:
    """Copy a file's content, and of its mode only whether it can be executed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if os.access(source, os.X_OK) and source.stat().st_mode & 0o111 else 0o644)


def _copy_shared_library(library: Path, root: Path) -> None:
    copy(library.resolve(), root / "lib" / library.name)
    link = root / "lib" / (library.name.partition(".so")[0] + ".so")
    link.symlink_to(library.name)


def _copy_headers(source: Installation, root: Path) -> None:
    place = PurePosixPath("include", source.headers.name)
    if not source.headers.is_dir():
        print(
            f"  no headers at {source.headers}: nothing can be compiled against this interpreter (package python3-dev?)"
        )
        return
    _copy_tree(source.headers, root, place)
    if source.multiarch_config_header is not None:
        copy(source.multiarch_config_header, root / place / "pyconfig.h")
