"""The command line of `scripts/builder`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from base_image import layouts
from checks.platforms import pack_reason
from cnb_platform.pack_builder import Builder, command
from trial.prerequisites import REPOSITORY, find_interpreters, package, run

if TYPE_CHECKING:
    from collections.abc import Mapping

_DESCRIPTION = """\
Make a builder for pack that has this buildpack in it, and print how to build with it.

Without --build-image and --run-image the builder stands on the images of scripts/base-images, which are made if they
are missing. Without --buildpack the buildpack of this checkout is packaged first.
"""
_OWN_IMAGES = (layouts.tag("build"), layouts.tag("run"))


def main() -> int:
    """Make the builder; return the exit code."""
    options = _options()
    if reason := pack_reason():
        print(f"builder: {reason}. Builders are made with pack, which stores them in Docker.", file=sys.stderr)
        return 1
    try:
        build_image, run_image = _images(options.build_image, options.run_image)
        builder = Builder(
            buildpacks=(options.buildpack or _packaged(),),
            build_image=build_image,
            run_image=run_image,
            lifecycle=options.lifecycle or _lifecycle(os.environ),
        )
        _create(builder, options)
    except subprocess.CalledProcessError as error:
        print(f"\nbuilder: `{' '.join(error.cmd[:3])} …` failed; the cause is above", file=sys.stderr)
        return 1
    print(f"\nBuild with it:\n\n    pack build my-app --path . --builder {options.name} --trust-builder", end="")
    print("" if options.publish else " --pull-policy if-not-present")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", default="uv-builder", metavar="NAME", help="image name (uv-builder)")
    parser.add_argument("--build-image", metavar="IMAGE", help="image that builds run in, with its CNB user")
    parser.add_argument("--run-image", metavar="IMAGE", help="image that applications run in")
    parser.add_argument("--buildpack", type=Path, metavar="PATH", help="a packaged buildpack, directory or .cnb file")
    parser.add_argument(
        "--lifecycle",
        type=Path,
        metavar="PATH",
        help="lifecycle archive (.tgz), or directory with its binaries (CNB_LIFECYCLE_DIR; default: pack downloads it)",
    )
    parser.add_argument("--publish", action="store_true", help="push the builder to the registry that NAME names")
    options = parser.parse_args()
    if (options.build_image is None) != (options.run_image is None):
        parser.error("--build-image and --run-image belong together")
    return options


def _images(build_image: str | None, run_image: str | None) -> tuple[str, str]:
    """Return both images; those of this project are made if they are missing. Raises CalledProcessError."""
    if build_image is not None and run_image is not None:
        return build_image, run_image
    run(REPOSITORY / "scripts/base-images")
    return _OWN_IMAGES


def _packaged() -> Path:
    interpreters = find_interpreters(os.environ, REPOSITORY / ".cache", print)
    return package(interpreters, REPOSITORY / "dist")


def _lifecycle(environment: Mapping[str, str]) -> Path | None:
    directory = environment.get("CNB_LIFECYCLE_DIR")
    return Path(directory) if directory else None


def _create(builder: Builder, options: argparse.Namespace) -> None:
    more = ["--publish"] if options.publish else ["--pull-policy", "if-not-present"]
    with command(builder, options.name) as argv:
        run(*argv, *more)
