"""The command line of `scripts/base-images`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from base_image import docker
from base_image.root_file_system import CannotBootstrap, Kind, write_layout

_REPOSITORY = Path(__file__).resolve().parents[2]
_DESCRIPTION = """\
Make a build image (CA certificates, no python3) and a smaller run image, each with the user 1000 that the buildpack
specification asks for, with mmdebstrap from the distribution of this machine: a CPython from here needs its glibc.

Written as OCI image layouts, and loaded into Docker where it answers. What is there is not made again.
"""
_KINDS = (
    Kind("build", ("ca-certificates",)),
    Kind("run", ()),
)


def main() -> int:
    """Make what is missing and name what there is; give the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=_REPOSITORY / ".cache" / "base-images", metavar="DIR")
    output: Path = parser.parse_args().output
    try:
        for kind in _KINDS:
            layout = output / kind.name
            if not (layout / "index.json").is_file():
                write_layout(kind, layout)
            print(f"{layout}: OCI image layout of the {kind.name} image")
            if docker.answers():
                tag = f"uv-buildpack-{kind.name}:1"
                docker.load(layout, tag)
                print(f"{tag}: in Docker")
    except CannotBootstrap as error:
        print(f"base-images: {error}", file=sys.stderr)
        return 1
    return 0
