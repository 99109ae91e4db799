"""The command line of `scripts/package`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from buildpackage import cnb_file, runtimes
from buildpackage.bytecode import CannotCompile, Compiler
from buildpackage.directory import Source, write_buildpack
from buildpackage.wheels import WheelNotFetched
from cnb import toml

if TYPE_CHECKING:
    from buildpackage.runtimes import Runtime

_REPOSITORY = Path(__file__).resolve().parents[2]
_DESCRIPTION = """\
Make the buildpack: dist/uv-buildpack/linux/<arch>/ and dist/uv-buildpack-linux-<arch>.cnb.

Without --runtime the interpreter that the package carries comes from the catalogue, for both architectures,
fetched from its project. An archive of scripts/python-archive serves where that address cannot be reached.
"""


def main() -> int:
    """Package for each architecture that there is an interpreter for; return the exit code."""
    options = _options()
    os.umask(0o022)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".package-", dir=options.output) as scratch:
            found = runtimes.collect(options.runtime, _REPOSITORY / ".cache" / "runtimes", Path(scratch))
            for runtime in found:
                _package(runtime, runtimes.compiler_for(runtime, found), Path(scratch), options.output)
    except (runtimes.NoRuntime, WheelNotFetched, CannotCompile) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--runtime",
        type=Path,
        action="append",
        default=[],
        metavar="ARCHIVE",
        help="CPython archive to carry, one for each architecture (default: from the catalogue)",
    )
    parser.add_argument("--output", type=Path, default=_REPOSITORY / "dist", help="where to write (default: dist)")
    return parser.parse_args()


def _package(runtime: Runtime, compiler: Compiler, scratch: Path, output: Path) -> None:
    """Write both outputs for one architecture; the old ones stay until the new ones are complete."""
    architecture = runtime.architecture
    staged = scratch / architecture
    write_buildpack(Source(_REPOSITORY, architecture, runtime.installation, compiler), staged)
    document = toml.load(staged / "buildpack.toml")
    layer = cnb_file.layer(staged, document)
    package = f"uv-buildpack-linux-{architecture}.cnb"
    cnb_file.write_package(scratch / package, layer, document, architecture)
    exploded = output / "uv-buildpack" / "linux" / architecture
    exploded.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(exploded, ignore_errors=True)
    staged.rename(exploded)
    # pack takes the buildpack.toml beside `linux/` when it packages a directory of several targets.
    shutil.copy(exploded / "buildpack.toml", output / "uv-buildpack")
    (scratch / package).replace(output / package)
    _report(exploded, output / package, layer)
    print(f"version {document['buildpack']['version']}, data of {document['metadata']['data-of']}")


def _report(exploded: Path, package: Path, layer: cnb_file.Layer) -> None:
    """Sizes and number of files: what each build pays that is given the buildpack by `--buildpack`."""
    files = [path for path in exploded.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    shares = ", ".join(f"{name} {_megabytes(layer.shares[name])}" for name in ("runtime", "uv"))
    print(f"{exploded}: {len(files)} files, {_megabytes(size)}")
    print(f"{package}: {_megabytes(package.stat().st_size)} ({shares}), diffID {layer.diff_id}")


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"
