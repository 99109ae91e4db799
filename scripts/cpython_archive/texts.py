"""The texts of an installation, without a path of this machine or a layout of its distribution."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from uv_buildpack.interpreter import relocation

if TYPE_CHECKING:
    from pathlib import Path

    from cpython_archive.installation import Installation


def rewrite_texts(source: Installation, root: Path) -> None:
    """Replace every path of this machine in the texts that describe the installation by the neutral `/install`."""
    library = root / "lib" / source.library.name
    for path in sorted(library.glob("_sysconfigdata_*.py")):
        variables = relocation.read_variables(path)
        relocation.write_variables(path, {name: neutral(value, source) for name, value in variables.items()})
    for path in sorted([*library.glob("build-details*.json"), *library.glob("_sysconfig_vars_*.json")]):
        relocation.rewrite_json(path, lambda text: str(neutral(text, source)))
    for path in [*sorted(library.glob("config-*/*")), *sorted(root.glob("lib/pkgconfig/*.pc"))]:
        path.write_text(str(neutral(path.read_text(encoding="utf-8"), source)), encoding="utf-8")
    if source.is_system:
        remove_distribution_layout(library)


def neutral(value: object, source: Installation) -> object:
    """`value` with the prefix and the build directory of `source` replaced."""
    if not isinstance(value, str):
        return value
    if source.build_directory:
        value = value.replace(source.build_directory.removesuffix("/."), "/build")
    if not source.is_system:
        return value.replace(str(source.prefix), relocation.BUILD_PREFIX)
    multiarch = re.sub(r"/usr/(lib|include)/[\w]+-linux-\w+", r"/usr/\1", value)
    below = re.sub(
        rf"/usr/(bin|lib|include|share/man)(?=$|[\s':]|/python{source.minor}|/pkgconfig)",
        rf"{relocation.BUILD_PREFIX}/\1",
        multiarch,
    )
    return re.sub(r"(^|=|\s|')/usr(?=$|[\s'])", rf"\1{relocation.BUILD_PREFIX}", below, flags=re.MULTILINE)


def remove_distribution_layout(library: Path) -> None:
    """Undo Debian's split between its own packages (`dist-packages`) and those of the user (`local/`)."""
    for name in (
        "site.py",
        "sysconfig.py",
        "sysconfig/__init__.py",
        "distutils/sysconfig.py",
        "distutils/command/install.py",
    ):
        path = library / name
        if path.is_file():
            path.write_text(_upstream_layout(path.read_text(encoding="utf-8")), encoding="utf-8")


def _upstream_layout(text: str) -> str:
    for old, new in (
        ("{base}/local", "{base}"),
        ("{platbase}/local", "{platbase}"),
        ("{installed_base}/local", "{installed_base}"),
        ('"local/lib"', '"lib"'),
        ("lib/python3/dist-packages", "lib/python{py_version_short}/site-packages"),
        ("dist-packages", "site-packages"),
    ):
        text = text.replace(old, new)
    return text
