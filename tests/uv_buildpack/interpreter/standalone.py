"""Archives laid out as python-build-standalone lays out `install_only_stripped`, for tests that have no real one.

Names, links and the texts that are rewritten follow its build scripts (cpython-unix/build-cpython.sh, src/release.rs,
docs/quirks.rst; August 2026); everything else is as small as can be. docs/python-versions.md lists what they hold.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

from uv_buildpack.interpreter.catalogue import CPythonBuild

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

ELF = b"\x7fELF\x02\x01\x01 not a real one"
_DATE = "20261110"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


Content = bytes | Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One archive of a release."""

    version: str = "3.13.18"
    freethreaded: bool = False
    libc: str = "gnu"
    arch: str = "x86_64"

    @property
    def minor(self) -> str:
        """Such as 3.13."""
        return self.version.rpartition(".")[0]

    @property
    def number(self) -> tuple[int, ...]:
        """Such as (3, 13)."""
        return tuple(int(part) for part in self.minor.split("."))

    @property
    def name(self) -> str:
        """What the interpreter, its library and its headers are called: `python3.13`, `python3.13t`."""
        return f"python{self.minor}{'t' if self.freethreaded else ''}"

    @property
    def platform(self) -> str:
        """The part of names that tells machine and C library."""
        return f"{self.arch}-linux-{self.libc}"

    @property
    def path(self) -> str:
        """Where the archive is in a mirror."""
        variant = "-freethreaded" if self.freethreaded else ""
        target = f"{self.arch}-unknown-linux-{self.libc}{variant}"
        return f"{_DATE}/cpython-{self.version}+{_DATE}-{target}-install_only_stripped.tar.gz"

    def build(self, sha256: str) -> CPythonBuild:
        """Return the entry of a catalogue."""
        return CPythonBuild(
            version=self.version,
            date=_DATE,
            arch=self.arch,
            libc=self.libc,
            variant="freethreaded" if self.freethreaded else "default",
            path=self.path,
            sha256=sha256,
        )

    def variables(self) -> dict[str, object]:
        """Return the build-time variables: configured for `/install`, compiled with the clang in `/tools`."""
        return {
            "AR": "/tools/llvm/bin/llvm-ar",
            "CC": "clang -pthread",
            "CXX": "clang++ -pthread",
            "CFLAGS": "-fno-strict-overflow -Wsign-compare -DNDEBUG -g -O3 -Wall -fPIC",
            "LDSHARED": "clang -pthread -shared",
            "BINDIR": "/install/bin",
            "INCLUDEPY": f"/install/include/{self.name}",
            "INSTALL": "/usr/bin/install -c",
            "LIBDIR": "/install/lib",
            "LIBPL": f"/install/lib/{self.name}/config-{self.minor}{self.abi}-{self.platform}",
            "Py_GIL_DISABLED": int(self.freethreaded),
            "prefix": "/install",
        }

    @property
    def abi(self) -> str:
        """`t` where there is no global interpreter lock."""
        return "t" if self.freethreaded else ""

    def contents(self) -> dict[str, Content]:
        """Return everything in the archive, by path below `python/`."""
        return {
            **self._bin(),
            **self._include(),
            **self._lib(),
            **self._library(),
            "share/man/man1/python3.1": Link(f"python{self.minor}.1"),
            f"share/man/man1/python{self.minor}.1": b"",
            "share/terminfo/x/xterm": b"",
        }

    def _bin(self) -> dict[str, Content]:
        script = (
            f'#!/bin/sh\n\'\'\'exec\' "$(dirname -- "$(realpath -- "$0")")/{self.name}" "$0" "$@"\n\' \'\'\'\n'.encode()
        )
        config = b'#!/bin/sh\nprefix="/install"\nLIBDIR="/install/lib"\n'
        commands = ["pip", "pip3", f"pip{self.minor}", f"idle{self.minor}", f"pydoc{self.minor}"]
        links = {"idle3": f"idle{self.minor}", "pydoc3": f"pydoc{self.minor}", "python3-config": f"{self.name}-config"}
        if self.number < (3, 13):
            commands.append(f"2to3-{self.minor}")
            links["2to3"] = f"2to3-{self.minor}"
        if self.freethreaded:
            links |= {f"python{self.minor}": self.name, f"python{self.minor}-config": f"{self.name}-config"}
        links |= {"python": self.name, "python3": self.name}
        return {
            f"bin/{self.name}": ELF,
            f"bin/{self.name}-config": config,
            **{f"bin/{name}": script for name in commands},
            **{f"bin/{name}": Link(target) for name, target in links.items()},
        }

    def _include(self) -> dict[str, Content]:
        names = ("Python.h", "pyconfig.h", "cpython/object.h", "internal/pycore_object.h")
        return {f"include/{self.name}/{name}": b"" for name in names}

    def _lib(self) -> dict[str, Content]:
        shared = f"libpython{self.minor}{self.abi}.so"
        description = b"prefix=${pcfiledir}/../..\nlibdir=${exec_prefix}/lib\n"
        return {
            f"lib/{shared}": Link(f"{shared}.1.0"),
            f"lib/{shared}.1.0": ELF,
            "lib/libpython3.so": ELF,
            f"lib/pkgconfig/python-{self.minor}{self.abi}.pc": description,
            f"lib/pkgconfig/python-{self.minor}{self.abi}-embed.pc": description,
            "lib/pkgconfig/python3.pc": Link(f"python-{self.minor}{self.abi}.pc"),
            "lib/pkgconfig/python3-embed.pc": Link(f"python-{self.minor}{self.abi}-embed.pc"),
            "lib/libtcl9.0.so": ELF,
            "lib/libtcl9tk9.0.so": ELF,
            "lib/itcl4.3.8/itcl.tcl": b"",
            "lib/tcl/": b"",
            "lib/tcl9/9.0/msgcat-1.7.1.tm": b"",
            "lib/tcl9.0/init.tcl": b"",
            "lib/thread3.0.6/ttrace.tcl": b"",
            "lib/tk9.0/tk.tcl": b"",
        }

    def _library(self) -> dict[str, Content]:
        suffix = f"cpython-{self.minor.replace('.', '')}{self.abi}-{self.platform}.so"
        within: dict[str, Content] = {
            "LICENSE.txt": b"",
            "os.py": b"name = 'posix'\n",
            "json/__init__.py": b"from .decoder import JSONDecoder\n",
            "json/decoder.py": b"class JSONDecoder: pass\n",
            "unittest/__init__.py": b"",
            "ensurepip/__init__.py": b"",
            "ensurepip/_bundled/pip-25.2-py3-none-any.whl": b"",
            "idlelib/idle.py": b"",
            "pydoc_data/topics.py": b"topics = {}\n",
            "test/__init__.py": b"",
            "test/support/__init__.py": b"",
            "tkinter/__init__.py": b"",
            "turtle.py": b"",
            "turtledemo/__main__.py": b"",
            "lib-dynload/.empty": b"",
            f"lib-dynload/_tkinter.{suffix}": ELF,
            f"lib-dynload/xxlimited.{suffix}": ELF,
            "site-packages/README.txt": b"",
            "site-packages/pip/__init__.py": b"",
            "site-packages/pip-25.2.dist-info/RECORD": b"",
            f"_sysconfigdata_{self.abi}_linux_{self.platform}.py": self._sysconfigdata(),
        }
        if self.number < (3, 12):
            within |= {"site-packages/setuptools/__init__.py": b"", "site-packages/_distutils_hack/__init__.py": b""}
            within["site-packages/distutils-precedence.pth"] = b"import os\n"
        if self.number < (3, 13):
            within |= {
                f"lib-dynload/_crypt.{suffix}": ELF,
                "lib2to3/__init__.py": b"",
                "lib2to3/tests/__init__.py": b"",
            }
        if self.number >= (3, 14):
            within |= self._documents()
        config = f"config-{self.minor}{self.abi}-{self.platform}"
        within |= {f"{config}/{name}": b"" for name in ("Setup", "config.c", "install-sh", "makesetup", "python.o")}
        within[f"{config}/Makefile"] = (
            b"prefix=\t/install\nLIBDIR=\t$(exec_prefix)/lib\nINSTALL=\t/usr/bin/install -c\n"
        )
        within[f"{config}/python-config.py"] = b""
        return {f"lib/{self.name}/{path}": content for path, content in within.items()}

    def _sysconfigdata(self) -> bytes:
        """Return a dictionary as JSON writes it, which is how their script writes it again."""
        head = "# system configuration generated and used by the sysconfig module\n"
        return f"{head}build_time_vars = {json.dumps(self.variables(), indent=4, sort_keys=True)}".encode()

    def _documents(self) -> dict[str, Content]:
        """Return what CPython 3.14 and newer have: relative paths in `build-details.json`, the other as it is."""
        details = {"base_prefix": "../..", "base_interpreter": f"bin/{self.name}", "language": {"version": self.minor}}
        variables = self.variables() | {
            "CPPFLAGS": "-I. -I/tools/deps/include -isystem /tools/deps/linux-uapi/usr/include"
        }
        return {
            "build-details.json": json.dumps(details, indent=2).encode(),
            f"_sysconfig_vars_{self.abi}_linux_{self.platform}.json": json.dumps(variables, indent=2).encode(),
        }


def write(archive: Path, contents: Mapping[str, Content]) -> None:
    """Write contents as an archive, below `python/`; a path that ends with a slash is an empty directory."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(archive, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for member, content in _members(contents):
            tar.addfile(member, io.BytesIO(content))


def _members(contents: Mapping[str, Content]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    for path, content in sorted(contents.items()):
        member = tarfile.TarInfo(f"python/{path.rstrip('/')}")
        member.mode = 0o755 if path.startswith("bin/") or path.endswith("/") else 0o644
        if isinstance(content, Link):
            member.type, member.linkname = tarfile.SYMTYPE, content.target
            yield member, b""
        else:
            member.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            member.size = len(content)
            yield member, content
