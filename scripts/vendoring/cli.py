"""The command line of `scripts/vendor`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.context import BuildContext, Target, read_buildpack
from uv_buildpack import log
from uv_buildpack.analysis import analyse
from uv_buildpack.downloads import download
from uv_buildpack.errors import Problem, Problems
from uv_buildpack.interpreter import installation
from uv_buildpack.uv import build_requirements, indexes
from vendoring.build_tools import Unavailable, environment, fetch
from vendoring.files import Wanted, wanted_files, with_login

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uv_buildpack.analysis import Analysis
    from uv_buildpack.downloads.network import Network

REPOSITORY = Path(__file__).resolve().parents[2]
_DESCRIPTION = """\
Fill a directory with the files that a build needs of a lock: wheels, source distributions and what building them needs.

What is selected (groups, extras, members, Python) follows from the variables of a build (BP_UV_GROUPS and so on), which
are read from the environment. Each file is compared with its hash in the lock. Files that are there stay. Credentials
are taken from UV_INDEX_<NAME>_USERNAME, UV_INDEX_<NAME>_PASSWORD and NETRC. Then build with

    BP_UV_OFFLINE=true BP_UV_FIND_LINKS=vendor
"""
_LARGEST = 8 * 1024**3


def main() -> int:
    """Fill the directory; return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("app", nargs="?", type=Path, default=Path(), metavar="DIR", help="the app (default: here)")
    parser.add_argument("--to", type=Path, metavar="DIR", help="the directory to fill (default: vendor in the app)")
    parser.add_argument(
        "--target", action="append", metavar="OS/ARCH", help="linux/amd64 (default) or linux/arm64; may be repeated"
    )
    parser.add_argument("--libc", choices=("gnu", "musl"), default="gnu", help="of the run image (default: gnu)")
    parser.add_argument("--with-python", action="store_true", help="fetch the archive of CPython too")
    arguments = parser.parse_args()
    app: Path = arguments.app.resolve()
    to: Path = (arguments.to or app / "vendor").resolve()
    to.mkdir(parents=True, exist_ok=True)
    log.configure(sys.stdout)
    try:
        for target in arguments.target or ["linux/amd64"]:
            _fill(to, _analysed(app, target, arguments.libc), libc=arguments.libc, with_python=arguments.with_python)
    except Problem as problem:
        return _failed([problem])
    except Problems as problems:
        return _failed(problems.problems)
    except Unavailable as error:
        print(f"vendor: {error}", file=sys.stderr)
        return 1
    files = [path for path in to.iterdir() if path.is_file()]
    print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB in {to}")
    return 0


def _analysed(app: Path, target: str, libc: str) -> Analysis:
    """Decide as a build for the target would. Raises `Problems`."""
    os_name, _, arch = target.partition("/")
    with tempfile.TemporaryDirectory() as layers:
        context = BuildContext(
            app_dir=app,
            layers_dir=Path(layers),
            platform_dir=Path(layers),
            # BP_UV_FIND_LINKS may name the directory that is filled here.
            environment={name: value for name, value in os.environ.items() if name != "BP_UV_FIND_LINKS"},
            buildpack=read_buildpack(REPOSITORY),
            target=Target(os=os_name, arch=arch),
            plan=(),
            bindings=(),
            store={},
            restored={},
        )
        return analyse(context, libc)


def _fill(to: Path, analysis: Analysis, *, libc: str, with_python: bool) -> None:
    files = wanted_files(analysis, libc)
    network = analysis.network
    known = indexes.of_project(network.variables, analysis.project, None)
    for file in files:
        _fetch(file, to, network, with_login(file, known, network.variables))
    sources = [to / file.name for file in files if file.is_source]
    local = {package.name for package in analysis.decisions.local}
    tables = [file.document for name, file in analysis.pyprojects.items() if name in local]
    needed = {*build_requirements.of_sources(sources), *build_requirements.of_tables(tables)}
    default = indexes.default_of(network.variables, analysis.project.root.uv_settings())
    fetch(needed, to, analysis.decisions.python, environment(default, known, network.variables))
    if with_python:
        build = analysis.decisions.python
        url = installation.address(build, analysis.configuration.python_mirror)
        _fetch(
            Wanted(build.path.rsplit("/", 1)[-1], f"sha256:{build.sha256}", url, "", is_source=False), to, network, url
        )


def _fetch(file: Wanted, to: Path, network: Network, url: str) -> None:
    path = to / file.name
    if file.is_right(path):
        return
    download.fetch(url, path, sha256=file.hash.removeprefix("sha256:"), max_bytes=_LARGEST, network=network)


def _failed(problems: Sequence[Problem]) -> int:
    for problem in problems:
        log.error(problem.what, problem.facts, problem.advice, "docs/air-gap.md")
    return 1
