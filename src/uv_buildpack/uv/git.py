"""Credentials for git, which fetches git dependencies for uv: for https from `netrc`, for ssh a key of a binding.

git reads no `NETRC`, and ssh refuses a key that others may read, as files of a mounted binding are. So both get what
they need from below the scratch directory, which only the build's user may enter and which goes with the build.
"""

from __future__ import annotations

import netrc
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

from cnb.bindings import read_entry
from uv_buildpack.errors import SettingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

KEYS = ("ssh-privatekey", "id_ed25519", "id_ecdsa", "id_rsa")
"""Names of a key in a binding: the one of Kubernetes' secrets (type `kubernetes.io/ssh-auth`), and OpenSSH's own."""
KNOWN_HOSTS = ("known_hosts", "ssh-knownhosts")
CREDENTIALS = ("git-credentials", ".git-credentials")
"""Lines of `https://user:password@host`, as `git credential-store` has them."""


def variables(
    environment: Mapping[str, str], entries: Mapping[str, Path], netrc_file: Path | None, directory: Path
) -> dict[str, str]:
    """Return the variables that give git its credentials; files that they name are written into `directory`.

    `entries` are the files of bindings. Raises `OSError`, `SettingInvalid` (a netrc that cannot be read).
    """
    made: dict[str, str] = {}
    lines = [*_of_netrc(netrc_file), *_of_file(_first(entries, CREDENTIALS))]
    if lines:
        store = _write(directory / "git-credentials", "".join(f"{line}\n" for line in lines))
        # Appended to what the user configures by variables (git-config, "GIT_CONFIG_COUNT").
        count = environment.get("GIT_CONFIG_COUNT", "")
        number = int(count) if re.fullmatch(r"[0-9]{1,9}", count) else 0
        made["GIT_CONFIG_COUNT"] = str(number + 1)
        made[f"GIT_CONFIG_KEY_{number}"] = "credential.helper"
        made[f"GIT_CONFIG_VALUE_{number}"] = f"store --file={shlex.quote(str(store))}"
    key = _first(entries, KEYS)
    if key is not None and "GIT_SSH_COMMAND" not in environment:
        made["GIT_SSH_COMMAND"] = shlex.join(_ssh(key, _first(entries, KNOWN_HOSTS), directory))
    return made


def _ssh(key: Path, known_hosts: Path | None, directory: Path) -> Iterator[str]:
    # ssh wants a key to end with a newline, which secrets made by hand often lack.
    own = _write(directory / "ssh-key", read_entry(key) + "\n")
    yield from ("ssh", "-i", str(own), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes")
    yield from ("-o", "StrictHostKeyChecking=yes")
    if known_hosts is not None:
        yield from ("-o", f"UserKnownHostsFile={known_hosts}")


def _of_netrc(path: Path | None) -> Iterator[str]:
    if path is None:
        return
    for host, (login, _, password) in _hosts(path).items():
        if host != "default":
            yield f"https://{quote(login or '', safe='')}:{quote(password or '', safe='')}@{host}"


def _hosts(path: Path) -> Mapping[str, tuple[str, str, str]]:
    if not path.is_file():
        return {}  # as uv has it: NETRC may name a file that is not there
    try:
        return netrc.netrc(path).hosts
    except OSError as error:
        raise SettingInvalid("NETRC", str(path), f"the path of a file that can be read ({error.strerror})") from None
    except (netrc.NetrcParseError, UnicodeDecodeError) as error:
        reason = f"line {error.lineno}" if isinstance(error, netrc.NetrcParseError) else "it is not UTF-8"
        raise SettingInvalid("netrc", str(path), f"the path of a file in the format of netrc ({reason})") from None


def _of_file(path: Path | None) -> list[str]:
    return [line.strip() for line in read_entry(path).splitlines() if line.strip()] if path else []


def _first(entries: Mapping[str, Path], names: tuple[str, ...]) -> Path | None:
    return next((entries[name] for name in names if name in entries), None)


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
    return path
