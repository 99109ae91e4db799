"""The command line: `cnb-platform build | launch | inspect`."""

import argparse
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from cnb_platform import inspection
from cnb_platform.console import standard_output, write_error, write_line
from cnb_platform.embedded import build_image
from cnb_platform.errors import PlatformError, UnusableArgument
from cnb_platform.inspection import size
from cnb_platform.launch import LaunchRequest, launch
from cnb_platform.request import PLATFORM_APIS, Request
from cnb_platform.result import BuildResult
from cnb_platform.run_image import created_at
from cnb_platform.tar import Owner


def main(argv: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command; returns the exit code (the lifecycle's for the phase that failed)."""
    os.umask(0o022)  # what the platform itself writes; the phases have --umask
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    options, words = _split(argv)
    arguments = _parser().parse_args(options)
    try:
        if arguments.command == "build":
            return _build(arguments, environment)
        if arguments.command == "launch":
            return _launch(arguments, words, environment)
        document = inspection.inspect(arguments.image)
    except PlatformError as error:
        write_error(str(error))
        return error.exit_code
    write_line(json.dumps(document, indent=2) if arguments.json else inspection.render(document))
    return 0


def _leave(number: int, _frame: object) -> None:
    """End by way of the finally clauses: directories are cleaned, processes and containers stopped."""
    raise SystemExit(128 + number)


def _split(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the platform's own words, and those after `--`."""
    end = argv.index("--") if "--" in argv else len(argv)
    return argv[:end], argv[end + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cnb-platform", description="An embedded Cloud Native Buildpacks platform.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_build(commands.add_parser("build", help="build an app into an OCI image layout"))
    launcher = commands.add_parser(
        "launch", help="run a process of an image, or of a layers directory, on this machine; its arguments follow --"
    )
    launcher.add_argument(
        "image", type=Path, help="an OCI image layout, or a layers directory with config/metadata.toml"
    )
    launcher.add_argument("--process", default="", help="process type (default: the image's)")
    launcher.add_argument("--app-dir", type=Path, help="the app directory that belongs to a layers directory")
    launcher.add_argument("--env", action="append", default=[], metavar="K[=V]", help="a variable of the container")
    inspector = commands.add_parser("inspect", help="show layers, processes and labels of an image")
    inspector.add_argument("image", type=Path, help="an OCI image layout")
    inspector.add_argument("--json", action="store_true", help="as JSON")
    return parser


def _add_build(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("app", type=Path, help="the app's directory; it is copied")
    add("--buildpack", type=Path, action="append", required=True, help="directory or .cnb file; several: one group")
    add("--order", type=Path, help="order.toml, instead of one group of all buildpacks")
    add("--image", type=Path, required=True, help="OCI image layout to write; it holds this one image")
    add("--previous-image", type=Path, help="layout of the last build (default: the one at --image)")
    add("--cache", type=Path, help="cache directory (default: no cache)")
    add("--clear-cache", action="store_true", help="restore nothing but store.toml")
    add(
        "--layers",
        type=Path,
        dest="layers_dir",
        help="layers directory: its path is in what is built; kept until it is used again",
    )
    add("--app-dir", type=Path, help="where the app is built (default: beside --layers); as --layers")
    add("--run-image", type=Path, help="layout of the image to stand on (default: an empty one)")
    add("--env", action="append", default=[], metavar="K[=V]", help="a variable; without = it is the caller's")
    add("--binding", type=Path, action="append", default=[], help="directory of a service binding")
    add("--build-config", type=Path, help="the operator's build configuration directory")
    add("--container", default="", metavar="IMAGE", help="run detect and build inside this Docker image")
    add("--volume", action="append", default=[], metavar="HOST:INSIDE[:ro]", help="mount for --container")
    add("--docker", default="", metavar="TAG", help="load the image into Docker")
    add("--platform-api", default=PLATFORM_APIS[-1], help="0.9 behaves as in kpack")
    add("--tag", action="append", default=[], metavar="NAME", help="reference name of the image in the layout")
    add("--umask", type=lambda text: int(text, 8), default=0o022, help="umask of the phases, octal")
    add("--uid", type=int, help="build user (default: the build image's CNB_USER_ID, else 1000)")
    add("--gid", type=int, help="build group (default: as the user)")
    add("--launcher", type=Path, help="a launcher binary instead of the stand-in")
    add("--report", type=Path, help="write durations and layers as JSON")


def _pairs(options: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    pairs = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not name or "/" in name:
            raise UnusableArgument(f"--env {option}: {name!r} is no name of a variable")
        if equals or name in environment:
            pairs[name] = value if equals else environment[name]
    return pairs


def _owner(arguments: argparse.Namespace) -> Owner | None:
    if arguments.uid is None:
        return None
    return Owner(arguments.uid, arguments.uid if arguments.gid is None else arguments.gid)


def _build(arguments: argparse.Namespace, environment: Mapping[str, str]) -> int:
    request = Request(
        app=arguments.app,
        buildpacks=tuple(arguments.buildpack),
        image=arguments.image.absolute(),
        order=arguments.order,
        previous_image=arguments.previous_image,
        cache=arguments.cache and arguments.cache.absolute(),
        layers_dir=arguments.layers_dir,
        app_dir=arguments.app_dir,
        run_image=arguments.run_image,
        env=_pairs(arguments.env, environment),
        bindings=tuple(arguments.binding),
        build_config=arguments.build_config,
        container=arguments.container,
        volumes=tuple(arguments.volume),
        docker=arguments.docker,
        platform_api=arguments.platform_api,
        clear_cache=arguments.clear_cache,
        tags=tuple(arguments.tag),
        umask=arguments.umask,
        owner=_owner(arguments),
        launcher=arguments.launcher,
        created=created_at(environment),
    )
    result = build_image(request, environment, standard_output())
    write_line(table(result))
    if arguments.report:
        arguments.report.write_text(json.dumps(result.document(), indent=2) + "\n", encoding="utf-8")
    return 0


def table(result: BuildResult) -> str:
    """Return the layers of a finished build, for people."""
    lines = ["", "Layers"]
    lines += [f"  {row.name:<40} {size(row.size):>10}  {row.state}" for row in result.layers]
    lines.append(f"  {size(result.bytes_of('added'))} added, the rest reused")
    return "\n".join(lines)


def _launch(arguments: argparse.Namespace, words: Sequence[str], environment: Mapping[str, str]) -> int:
    request = LaunchRequest(
        image=arguments.image,
        process=arguments.process,
        arguments=tuple(words),
        env=_pairs(arguments.env, environment),
        app_dir=arguments.app_dir,
    )
    return launch(request)
