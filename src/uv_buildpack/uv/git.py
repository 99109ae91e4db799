"""Credentials for git, which fetches git dependencies for uv: for https from `netrc`, for ssh a key of a binding.

git reads no `NETRC`, and ssh refuses a key that others may read, as files of a mounted binding are. So both get what
they need from below the scratch directory, which only the build's user may enter and which goes with the build.
What git asks credential helpers: https://git-scm.com/docs/gitcredentials
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
_REWRITING = re.compile(
    r"(?P<before>(?i:url)\.)(?P<url>https?://[^/@\s]+:[^/@\s]*@.*)(?P<after>\.(?i:(push)?insteadOf))"
)
# git asks for `host:port`, and the hosts of a netrc have no ports.
_WITHOUT_PORT = r"sed -E 's/^(host=.*):[0-9]+$/\1/' | git credential-store --file={file}"
# What follows is for the operation, which git appends: it is `get` when git reads the answer.
_ALWAYS = "cat {file}; :"


def variables(
    environment: Mapping[str, str], entries: Mapping[str, Path], netrc_file: Path | None, directory: Path
) -> dict[str, str]:
    """Return the variables that give git its credentials; files that they name are written into `directory`.

    `entries` are the files of bindings. Raises `OSError`, `SettingInvalid` (a netrc that cannot be read).
    """
    # Appended to what the user configures by variables: https://git-scm.com/docs/git-config#ENVIRONMENT
    count = environment.get("GIT_CONFIG_COUNT", "")
    number = int(count) if re.fullmatch(r"[0-9]{1,9}", count) else 0
    made: dict[str, str] = {}
    helpers = list(_helpers(entries, netrc_file, directory))
    # Not by their numbers: the count may be any.
    for name in sorted(name for name in environment if re.fullmatch(r"GIT_CONFIG_KEY_[0-9]+", name)):
        if rewriting := _REWRITING.fullmatch(environment[name]):
            base, helper = _without_login(rewriting["url"], directory / f"rewriting-{len(helpers)}")
            made[name] = f"{rewriting['before']}{base}{rewriting['after']}"
            helpers.insert(0, helper)
    for key, value in helpers:
        made |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        number += 1
    if helpers:
        made["GIT_CONFIG_COUNT"] = str(number)
    key_file, known_hosts = _first(entries, KEYS), _first(entries, KNOWN_HOSTS)
    if (key_file or known_hosts) and "GIT_SSH_COMMAND" not in environment:
        made["GIT_SSH_COMMAND"] = shlex.join(_ssh(key_file, known_hosts, directory))
    return made


def _helpers(entries: Mapping[str, Path], netrc_file: Path | None, directory: Path) -> Iterator[tuple[str, str]]:
    """Write what credential helpers read, and return git's settings for them (gitcredentials(7))."""
    if credentials := _first(entries, CREDENTIALS):
        lines = [f"{line.strip()}\n" for line in read_entry(credentials).splitlines() if line.strip()]
        store = _write(directory / "git-credentials", "".join(lines))
        yield "credential.helper", f"store --file={shlex.quote(str(store))}"
    hosts = dict(_hosts(netrc_file)) if netrc_file else {}
    default = hosts.pop("default", None)
    if hosts:
        lines = [
            f"{scheme}://{_login(*entry)}@{host}\n" for host, entry in hosts.items() for scheme in ("https", "http")
        ]
        yield _shell(_WITHOUT_PORT, _write(directory / "netrc", "".join(lines)))
    if default:
        login, _, password = default
        yield _shell(_ALWAYS, _write(directory / "netrc-default", f"username={login}\npassword={password}\n"))


def _shell(program: str, file: Path) -> tuple[str, str]:
    return "credential.helper", f"!{program.format(file=shlex.quote(str(file)))}"


def _login(login: str, _: str, password: str) -> str:
    return f"{quote(login or '', safe='')}:{quote(password or '', safe='')}"


def _without_login(url: str, file: Path) -> tuple[str, tuple[str, str]]:
    """Return an address without its login, and the setting of a helper that knows the login for what is below it.

    git gives the rewritten address to its helper program, whose command line every user of the machine can read.
    """
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    login, _, host = place.rpartition("@")
    _write(file, f"{scheme}://{login}@{host}\n")
    below = f"{scheme}://{host}/{path.rpartition('/')[0]}".rstrip("/")
    return f"{scheme}://{host}{slash}{path}", (f"credential.{below}.helper", f"store --file={shlex.quote(str(file))}")


def _ssh(key: Path | None, known_hosts: Path | None, directory: Path) -> Iterator[str]:
    yield from ("ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes")
    if key is not None:
        # ssh wants a key to end with a newline, which secrets made by hand often lack.
        own = _write(directory / "ssh-key", read_entry(key) + "\n")
        yield from ("-i", str(own), "-o", "IdentitiesOnly=yes")
    if known_hosts is not None:
        # Quoted for ssh as well, which splits it at spaces.
        yield from ("-o", f'UserKnownHostsFile="{known_hosts}"')


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


def _first(entries: Mapping[str, Path], names: tuple[str, ...]) -> Path | None:
    return next((entries[name] for name in names if name in entries), None)


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(content, encoding="utf-8")
    return path
