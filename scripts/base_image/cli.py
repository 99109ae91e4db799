"""The command line of `scripts/base-images`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from base_image import docker, layouts
from base_image.root_file_system import CannotBootstrap, Kind, own_suite, write_layout
from environment import alone

_DESCRIPTION = """\
Make a build image (CA certificates, no python3) and a smaller run image, each with the user 1000 that the buildpack
specification asks for, with mmdebstrap from the distribution of this machine: a CPython from here needs its glibc.
With --suite, from another release of that distribution; a CPython of that release needs these.

`machine`, made on request, stands for a developer's machine: every python3.N (N >= 13) of the release with its headers,
a C compiler, and what scripts/python-archive asks for.

Written as OCI image layouts with a list of packages each, and loaded into Docker where it answers. What is there is not
made again.
"""
_KINDS = {
    kind.name: kind
    for kind in (
        Kind("build", ("ca-certificates",)),
        Kind("run", ()),
        Kind(
            "machine",
            (
                *("binutils", "ca-certificates", "gcc", "libc6-dev", "patchelf"),
                '?name("^python3\\.(1[3-9]|[2-9][0-9])-(dev|venv)$")',
            ),
        ),
    )
}


def main() -> int:
    """Make what is missing and name what there is; return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default=own_suite(), help="release of the distribution (default: this machine's)")
    parser.add_argument(
        "--kind", choices=_KINDS, action="append", help="image to make; may be repeated (default: build and run)"
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: .cache/base-images[-SUITE]")
    options = parser.parse_args()
    other = "" if options.suite == own_suite() else options.suite
    output: Path = options.output or layouts.directory(other)
    try:
        for name in options.kind or ["build", "run"]:
            layout = output / name
            with alone(output):
                if not (layout / "index.json").is_file():
                    write_layout(_KINDS[name], layout, suite=options.suite)
            print(f"{layout}: OCI image layout of the {name} image")
            if docker.answers():
                tag = layouts.tag(name, other)
                docker.load(layout, tag)
                print(f"{tag}: in Docker")
    except CannotBootstrap as error:
        print(f"base-images: {error}", file=sys.stderr)
        return 1
    return 0
