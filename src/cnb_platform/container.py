"""Phases inside a container: one container for the whole build, its programs started with `docker exec`."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cnb_platform.command import PIPE, Command, Running, Sink, ask, follow, start
from cnb_platform.environment import Place, allowed
from cnb_platform.errors import UnusableArgument
from cnb_platform.machine import DEFAULT_OWNER, give_tree, parse_os_release
from cnb_platform.tar import Owner

# What the container does: say what it is, then wait until this process closes its standard input, or dies.
_INIT = r"""cat /proc/self/environ; printf '\0\0'; cat /etc/os-release 2>/dev/null; printf '\0\0ready'; read -r _"""
_READY = b"\0\0ready"
# `env -i`, because only allow-listed variables of the container may reach a buildpack.
_WRAPPER = 'umask "$1"; shift; exec env -i "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A running container."""

    name: str
    user: Owner
    owner: Owner
    umask: int
    variables: Mapping[str, str]
    os_release: Mapping[str, str]

    def give(self, path: Path) -> None:
        """Change owners, when this process may; else the programs run as this process's user anyway."""
        if os.geteuid() == 0:
            give_tree(path, self.owner)

    def run(self, command: Command, sink: Sink) -> int:
        """Run a program in the container; a program that is missing ends with docker's 126 or 127."""
        pairs = [f"{name}={value}" for name, value in (command.environment or {}).items()]
        argv = ("docker", "exec", "--user", _user(self.user), "--workdir", command.cwd, self.name)
        wrapped = ("/bin/sh", "-c", _WRAPPER, "sh", f"{self.umask:04o}", *pairs, *command.argv)
        return follow(Command(argv=(*argv, *wrapped), cwd="/", environment=None), sink)


def _user(owner: Owner) -> str:
    return f"{owner.uid}:{owner.gid}"


def image_owner(image: str) -> Owner:
    """Return the build user of a build image: its CNB_USER_ID and CNB_GROUP_ID, else 1000. Raises UnusableArgument."""
    try:
        answer = ask(["docker", "image", "inspect", image])
    except OSError as error:
        raise UnusableArgument(f"--container needs Docker, whose client cannot be started: {error}") from error
    if answer.code:
        raise UnusableArgument(f"Docker has no image {image}: {answer.errors.decode(errors='replace').strip()}")
    pairs = json.loads(answer.output)[0]["Config"].get("Env") or ()
    variables = dict(pair.partition("=")[::2] for pair in pairs)
    uid = int(variables.get("CNB_USER_ID", DEFAULT_OWNER.uid))
    return Owner(uid, int(variables.get("CNB_GROUP_ID", uid)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How to start a container: the build's own directories, those it may only read, the user's volumes."""

    image: str
    own: tuple[Place, ...]
    read_only: tuple[Place, ...]
    volumes: tuple[str, ...]
    owner: Owner
    umask: int


@contextlib.contextmanager
def container_machine(how: Start) -> Iterator[Container]:
    """Yield a container with the build's directories mounted, and remove it. Raises UnusableArgument if none starts.

    Started by root, programs run as the build user; else as this process's user, to whom the mounted files belong.
    """
    user = how.owner if os.geteuid() == 0 else Owner(os.getuid(), os.getgid())
    name = f"cnb-platform-{secrets.token_hex(6)}"
    argv = (
        "docker", "run", "--rm", "--interactive", "--name", name, "--network", "host", "--user", _user(user),
        "--security-opt", "no-new-privileges", *_mounts(how),
        "--entrypoint", "/bin/sh", how.image, "-c", _INIT,
    )  # fmt: skip
    with start(Command(argv=argv, cwd="/", environment=None), stdin=PIPE) as process:
        try:
            variables, os_release = _greeting(process, how.image)
            yield Container(
                name=name,
                user=user,
                owner=how.owner,
                umask=how.umask,
                variables=allowed(variables),
                os_release=os_release,
            )
        finally:
            if process.stdin is not None:
                process.stdin.close()
            process.wait()


def _mounts(how: Start) -> list[str]:
    shared = [f"{place.host}:{place.inside}" for place in how.own]
    fixed = [f"{place.host}:{place.inside}:ro" for place in how.read_only]
    return [part for mount in (*shared, *fixed, *how.volumes) for part in ("--volume", mount)]


def _greeting(process: Running, image: str) -> tuple[dict[str, str], dict[str, str]]:
    received = b""
    while _READY not in received and process.stdout is not None:
        piece = os.read(process.stdout.fileno(), 1 << 16)
        if not piece:
            raise UnusableArgument(f"no container of {image} could be started: {received.decode(errors='replace')}")
        received += piece
    environ, _, release = received.partition(b"\0\0")
    pairs = (pair.decode(errors="replace").partition("=") for pair in environ.split(b"\0"))
    variables = {name: value for name, _, value in pairs if name}
    return variables, parse_os_release(release.removesuffix(_READY).decode(errors="replace"))
