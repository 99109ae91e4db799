"""Launch on this machine: what the launcher does in a container, with the image's own layers unpacked here.

It starts from the image's environment, never from the caller's. The order of its steps is the launcher's:
https://github.com/buildpacks/lifecycle/blob/v0.21.17/launch/launcher.go
"""

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cnb import toml
from cnb_platform import environment, oci
from cnb_platform.command import INHERIT, NOTHING, Command, Running, output_of, signals_wait, start, stop
from cnb_platform.directories import NotFree, Pair, claim
from cnb_platform.errors import LaunchFailed
from cnb_platform.extract import extract
from cnb_platform.launch_toml import ARRAY_COMMANDS_SINCE
from cnb_platform.machine import DEFAULT_OWNER, account, give_tree, home_of
from cnb_platform.oci import Image
from cnb_platform.run_image import this_architecture
from cnb_platform.tar import Owner

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HIDDEN = ("CNB_LAYERS_DIR", "CNB_APP_DIR", "CNB_PROCESS_TYPE", "CNB_PLATFORM_API", "CNB_DEPRECATION_MODE")
NO_PROCESS = "launcher"  # as an entrypoint: the arguments are the command


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchRequest:
    """What to start: an image layout or a layers directory, a process type ("": the default), arguments, variables."""

    image: Path
    process: str = ""
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    app_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """An image's directories on this machine, and the variables a container of it starts with."""

    layers: Path
    app: Path
    variables: Mapping[str, str]
    account: Owner | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Process:
    type: str
    argv: tuple[str, ...]
    working_dir: str


def launch(request: LaunchRequest) -> int:
    """Run the process to its end, with this process's input and output; returns its exit code. Raises LaunchFailed."""
    with running(request, INHERIT, stdin=INHERIT) as process:
        return process.wait()


@contextlib.contextmanager
def running(request: LaunchRequest, stdout: int | None, stdin: int | None = NOTHING) -> Iterator[Running]:
    """Yield the process, started; it is stopped, and what was unpacked is removed, at the end. Raises LaunchFailed."""
    with _contents(request) as contents:
        command = compose(contents, request.process, request.arguments, request.env, stdout)
        with contextlib.ExitStack() as at_end:
            with signals_wait():
                try:
                    process = start(command, umask=0o022, account=contents.account, stdout=stdout, stdin=stdin)
                except OSError as error:
                    raise LaunchFailed(f"{command.argv[0]} cannot be started: {error}") from error
                at_end.enter_context(process)
                at_end.callback(stop, process)
            yield process


@contextlib.contextmanager
def _contents(request: LaunchRequest) -> Iterator[Contents]:
    if not (request.image / "index.json").exists():
        layers = request.image.absolute()
        if not (layers / "config" / "metadata.toml").exists():
            raise LaunchFailed(
                f"{request.image} is neither an OCI image layout nor a layers directory with config/metadata.toml"
            )
        app = (request.app_dir or Path.cwd()).absolute()
        yield Contents(layers=layers, app=app, variables={"PATH": DEFAULT_PATH}, account=account(DEFAULT_OWNER))
        return
    image = oci.read(request.image, this_architecture())
    with unpacked(image) as contents:
        yield contents


@contextlib.contextmanager
def unpacked(image: Image) -> Iterator[Contents]:
    """Yield the image's layers and app at the paths its bytes are made for. Raises LaunchFailed if they exist."""
    variables = image.environment
    try:
        pair = Pair(Path(variables["CNB_LAYERS_DIR"]), Path(variables["CNB_APP_DIR"]))
    except KeyError as error:
        raise LaunchFailed(f"the image was not made from buildpacks: it has no {error}") from error
    user = _user(image)
    try:
        with claim(pair, keep=False):
            _unpack(image, pair)
            if os.geteuid() == 0:
                give_tree(pair.layers, user)
                give_tree(pair.app, user)
            defaults = {"PATH": DEFAULT_PATH, "HOME": home_of(user.uid)}
            old = {name: value for name, value in variables.items() if name != "PATH" or set(value.split(":")) - _OWN}
            yield Contents(layers=pair.layers, app=pair.app, variables=defaults | old, account=account(user))
    except NotFree as error:
        raise LaunchFailed(f"the image's layers belong to {pair.layers} and {pair.app}: {error}") from error


_OWN = {"/cnb/process", "/cnb/lifecycle", ""}


def _user(image: Image) -> Owner:
    uid, _, gid = (image.settings.get("User") or "").partition(":")
    if not uid.isdecimal():
        return DEFAULT_OWNER
    return Owner(int(uid), int(gid) if gid.isdecimal() else int(uid))


def _unpack(image: Image, pair: Pair) -> None:
    for blob in image.layers:
        with blob.open_tar() as archive:
            extract(archive, {str(pair.layers): pair.layers, str(pair.app): pair.app})


def compose(
    contents: Contents, process_type: str, arguments: Sequence[str], env: Mapping[str, str], stdout: int | None
) -> Command:
    """Return the program, its directory and its environment, exec.d included. Raises LaunchFailed."""
    metadata = _metadata(contents.layers)
    container = {**contents.variables, **env}
    process = _process(metadata, process_type, arguments, container)
    variables = {name: value for name, value in container.items() if name not in HIDDEN}
    variables["PATH"] = ":".join(part for part in variables.get("PATH", "").split(":") if part not in _OWN - {""})
    buildpacks = [contents.layers / entry["id"].replace("/", "_") for entry in metadata.get("buildpacks", ())]
    for directory in buildpacks:
        _apply(variables, _subdirectories(directory), process.type)
    for directory in buildpacks:
        for layer in _subdirectories(directory):
            for programs in (layer / "exec.d", layer / "exec.d" / process.type):
                _exec_d(variables, programs, contents, stdout)
    cwd = os.path.join(contents.app, process.working_dir)  # noqa: PTH118 - an absolute working-dir replaces
    return Command(argv=(_found(process.argv[0], variables), *process.argv[1:]), cwd=cwd, environment=variables)


def _metadata(layers: Path) -> dict[str, Any]:
    try:
        return toml.load(layers / "config" / "metadata.toml")
    except (OSError, toml.TOMLError) as error:
        raise LaunchFailed(f"the image has no usable metadata.toml: {error}") from error


def _process(
    metadata: Mapping[str, Any], process_type: str, arguments: Sequence[str], variables: Mapping[str, str]
) -> _Process:
    known = {process["type"]: process for process in metadata.get("processes", ())}
    kind = process_type or metadata.get("buildpack-default-process-type", "") or NO_PROCESS
    if kind == NO_PROCESS and kind not in known:
        if not arguments:
            raise LaunchFailed(f"there is no default process; process types are: {', '.join(known) or 'none'}")
        return _Process(type="", argv=tuple(arguments), working_dir="")
    if kind not in known:
        raise LaunchFailed(f"there is no process type {kind}; process types are: {', '.join(known) or 'none'}")
    process = known[kind]
    exec_env = process.get("exec-env", ())
    if exec_env and not {"*", variables.get("CNB_EXEC_ENV", "production")} & set(exec_env):
        raise LaunchFailed(f"process type {kind} is not for this execution environment")
    command = [process["command"]] if isinstance(process["command"], str) else process["command"]
    defaults = process.get("args", ())
    if int(variables.get("CNB_PLATFORM_API", "0.15").partition(".")[2]) >= ARRAY_COMMANDS_SINCE:
        words = (*command, *(arguments or defaults))
    else:
        words = (*command, *defaults, *arguments)
    return _Process(type=kind, argv=words, working_dir=process.get("working-dir", ""))


def _subdirectories(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted((path for path in directory.iterdir() if path.is_dir()), key=os.fsencode)


def _apply(variables: dict[str, str], layers: Sequence[Path], process_type: str) -> None:
    for layer in layers:
        place = environment.Place(layer, str(layer))
        environment.apply_root_directories(variables, place, environment.LAUNCH_DIRECTORIES)
    for layer in layers:
        environment.apply_launch_layer(variables, layer, process_type)


def _exec_d(variables: dict[str, str], directory: Path, contents: Contents, stdout: int | None) -> None:
    """Run the programs of a directory, which write TOML of strings to file descriptor 3.

    https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#execd
    """
    if not directory.is_dir():
        return
    for program in sorted((path for path in directory.iterdir() if path.is_file()), key=os.fsencode):
        # The shell gives the pipe its number: descriptor 3 may be taken in this process.
        argv = ("/bin/sh", "-c", 'exec 3>&1 1>&2; exec "$0"', str(program))
        command = Command(argv=argv, cwd=str(contents.app), environment=dict(variables))
        code, output = output_of(command, account=contents.account, stderr=stdout)
        if code:
            raise LaunchFailed(f"exec.d program {program} exited with {code}")
        try:
            pairs = toml.loads(output.decode())
        except (UnicodeDecodeError, toml.TOMLError) as error:
            raise LaunchFailed(f"exec.d program {program} did not write TOML: {error}") from error
        if not all(isinstance(value, str) for value in pairs.values()):
            raise LaunchFailed(f"exec.d program {program} wrote values that are no strings")
        variables.update(pairs)


def _found(program: str, variables: Mapping[str, str]) -> str:
    if "/" in program:
        return program
    for directory in variables["PATH"].split(":"):
        path = Path(directory or ".", program)
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    raise LaunchFailed(f"the program {program} is not on the PATH {variables['PATH']}")
