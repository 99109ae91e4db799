"""The command line of `scripts/check-release`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from buildpackage.runtimes import NoRuntime, carried, fetch
from release_check.claims import check
from release_check.release import NotARelease, read
from uv_buildpack import log
from uv_buildpack.downloads.network import Network
from uv_buildpack.interpreter import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from uv_buildpack.interpreter.catalogue import CPythonBuild

_REPOSITORY = Path(__file__).resolve().parents[2]
_DESCRIPTION = """\
Check archives of python-build-standalone against what the buildpack takes for granted of them.

What is in an archive is checked on any machine. One for this machine is also installed as the `python` layer, compiled,
started and asked; a C extension is built with it where there is a compiler; and the buildpack's own runtime is made
from it. Without ARCHIVE: the newest of each minor in the catalogue for this machine, with and without the global
interpreter lock, fetched from the releases.
"""


def main() -> int:
    """Check each archive; return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", nargs="*", type=Path, metavar="ARCHIVE")
    given: list[Path] = parser.parse_args().archives
    log.configure(sys.stdout)
    failures = 0
    try:
        for archive in given or _newest(_REPOSITORY / ".cache" / "runtimes"):
            failures += _check(archive.absolute())
    except (NoRuntime, NotARelease) as error:
        print(f"check-release: {error}", file=sys.stderr)
        return 1
    return 1 if failures else 0


def _check(archive: Path) -> int:
    """Print what was found of one archive; return the number of claims that do not hold. Raises NotARelease."""
    release = read(archive)
    print(f"{archive.name}", flush=True)
    failures = 0
    with tempfile.TemporaryDirectory(prefix="check-release-") as scratch:
        for claim, wrong in check(release, Path(scratch)):
            failures += bool(wrong)
            print(f"  {'FAILED' if wrong else 'ok    '} {claim}", flush=True)
            for line in wrong:
                print(f"           {line}", flush=True)
    return failures


def _newest(downloads: Path) -> list[Path]:
    """Fetch what apps on this machine get, and what the package carries. Raises NoRuntime."""
    builds = catalogue.load(None, Network(variables=os.environ))
    machine = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine(), platform.machine())
    return [fetch(build, downloads) for build in {*newest_of_each(builds, machine), carried(builds, machine)}]


def newest_of_each(builds: Iterable[CPythonBuild], machine: str) -> list[CPythonBuild]:
    """Return the newest stable build for glibc of each minor and variant."""
    found: dict[tuple[tuple[int, ...], str], CPythonBuild] = {}
    for build in sorted(builds, key=lambda build: (Version(build.version), build.date)):
        version = Version(build.version)
        if (build.arch, build.libc) == (machine, "gnu") and not version.is_prerelease:
            found[version.release[:2], build.variant] = build
    return list(found.values())
