"""An interpreter on this machine, as it describes itself."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cpython_archive.tools import output_of

_QUESTIONS: Final = """
import json, os, platform, sys, sysconfig
names = ("LIBDIR", "LIBPC", "INSTSONAME", "Py_GIL_DISABLED", "abs_builddir")
print(json.dumps({
    "variables": {name: sysconfig.get_config_var(name) for name in names},
    "version": platform.python_version(),
    "minor": "%d.%d" % sys.version_info[:2],
    "implementation": sys.implementation.name,
    "built": platform.python_build()[1],
    "machine": platform.machine(),
    "libc": "gnu" if platform.libc_ver()[0] == "glibc" else "musl",
    "prefix": sys.base_prefix,
    "library": os.path.dirname(os.__file__),
    "executable": os.path.realpath(sys.executable),
    "headers": sysconfig.get_path("include"),
    "config_header": sysconfig.get_config_h_filename(),
}))
"""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """An interpreter on this machine, as it describes itself."""

    version: str
    minor: str
    date: str
    arch: str
    libc: str
    freethreaded: bool
    prefix: Path
    library: Path
    executable: Path
    headers: Path
    multiarch_config_header: Path | None
    shared_library: Path | None
    pkg_config: Path
    build_directory: str

    @property
    def is_system(self) -> bool:
        """Whether it shares its prefix with everything else (`/usr`): Debian, Ubuntu."""
        return self.prefix == Path("/usr")

    @property
    def archive_path(self) -> str:
        """Where the archive lies below the download address."""
        target = f"{self.arch}-unknown-linux-{self.libc}{'-freethreaded' if self.freethreaded else ''}"
        return f"{self.date}/cpython-{self.version}+{self.date}-{target}-install_only_stripped.tar.gz"


def describe(python: Path, date: str | None) -> Installation:
    """Ask the interpreter at `python` what it is."""
    answer = json.loads(output_of([str(python), "-I", "-S", "-c", _QUESTIONS]))
    if answer["implementation"] != "cpython":
        sys.exit(f"{python} is {answer['implementation']}, not CPython")
    variables = answer["variables"]
    config_header = _multiarch_header(Path(answer["config_header"]), Path(answer["headers"]))
    shared_library = Path(variables["LIBDIR"], str(variables["INSTSONAME"]))
    return Installation(
        version=answer["version"].rstrip("+"),
        minor=answer["minor"],
        date=date or _day(answer["built"]),
        arch={"amd64": "x86_64", "arm64": "aarch64"}.get(answer["machine"], answer["machine"]),
        libc=answer["libc"],
        freethreaded=bool(variables["Py_GIL_DISABLED"]),
        prefix=Path(answer["prefix"]),
        library=Path(answer["library"]),
        executable=Path(answer["executable"]),
        headers=Path(answer["headers"]),
        multiarch_config_header=config_header,
        shared_library=shared_library if ".so" in shared_library.name and shared_library.is_file() else None,
        pkg_config=Path(variables["LIBPC"]),
        build_directory=str(variables["abs_builddir"] or ""),
    )


def _day(built: str) -> str:
    """`May  9 2026 07:41:05` (the C compiler's words) as `20260509`."""
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    month, day, year, *_ = built.replace(",", "").split()
    return f"{int(year):04d}{months.index(month) + 1:02d}{int(day):02d}"


def _multiarch_header(config_header: Path, headers: Path) -> Path | None:
    """Debian's `pyconfig.h` includes the real one, below a directory named after the architecture."""
    found = sorted(headers.parent.glob(f"*-linux-*/{headers.name}/pyconfig.h"))
    return found[0] if config_header.is_file() and found else None
