"""Where phases run: as processes of this machine (here), or in a container (see `container`)."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cnb_platform.command import Command, Sink, follow
from cnb_platform.environment import allowed
from cnb_platform.tar import Owner

DEFAULT_OWNER = Owner(1000, 1000)  # what builders by convention use


class Machine(Protocol):
    """What the phases need of the place they run in."""

    @property
    def owner(self) -> Owner:
        """The build user: owner of layers and app in the image."""

    @property
    def variables(self) -> Mapping[str, str]:
        """The allow-listed variables that buildpacks inherit."""

    @property
    def os_release(self) -> Mapping[str, str]:
        """The machine's /etc/os-release; empty where there is none."""

    def give(self, path: Path) -> None:
        """Make the build user the owner of a path and all below it."""

    def run(self, command: Command, sink: Sink) -> int:
        """Run a program to its end, feed stdout and stderr, merged, to `sink`, and return the exit code.

        Raises OSError where the program cannot be started.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ThisMachine:
    """Programs run here: as the build user when this process is root, else as whoever started it."""

    owner: Owner
    umask: int
    variables: Mapping[str, str]
    os_release: Mapping[str, str] = field(default_factory=dict)

    def give(self, path: Path) -> None:
        """Change owners, when this process may."""
        if os.geteuid() == 0:
            give_tree(path, self.owner)

    def run(self, command: Command, sink: Sink) -> int:
        """Start the program without the caller's environment and wait for it."""
        return follow(command, sink, umask=self.umask, account=account(self.owner))


def this_machine(caller: Mapping[str, str], owner: Owner | None, umask: int) -> ThisMachine:
    """Return the machine for a caller's environment. For root HOME is the build user's, as the creator sets it."""
    user = owner or DEFAULT_OWNER
    variables = allowed(caller)
    if os.geteuid() == 0 and "HOME" in variables:
        variables["HOME"] = home_of(user.uid)
    return ThisMachine(
        owner=user, umask=umask, variables=variables, os_release=read_os_release(Path("/etc/os-release"))
    )


def home_of(uid: int) -> str:
    """Return the home directory of an account, or one that does not exist, as a build user without an entry has."""
    try:
        return pwd.getpwuid(uid).pw_dir
    except KeyError:
        return "/nonexistent"


def account(owner: Owner) -> Owner | None:
    """Return the account to switch to: the build user when this process is root, else none."""
    return owner if os.geteuid() == 0 and owner.uid != 0 else None


def give_tree(path: Path, owner: Owner) -> None:
    """Change the owner of a path and of everything below it, without following links."""
    os.chown(path, owner.uid, owner.gid, follow_symlinks=False)
    for parent, directories, files in os.walk(path):
        for name in (*directories, *files):
            os.chown(os.path.join(parent, name), owner.uid, owner.gid, follow_symlinks=False)  # noqa: PTH118 - hot loop


def read_os_release(path: Path) -> dict[str, str]:
    """Return the fields of an os-release file; empty where there is none."""
    try:
        return parse_os_release(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}


def parse_os_release(text: str) -> dict[str, str]:
    """Return the `KEY=value` lines of an os-release file, unquoted."""
    pairs = (line.partition("=")[::2] for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, value in pairs}
