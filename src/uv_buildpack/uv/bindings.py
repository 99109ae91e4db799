"""What bindings hold for uv: configuration, `netrc`, variables, keys for git; and certificates.

Secrets are read here and masked in everything that is printed from then on. They end up in no layer: files that
programs need as files are below the scratch directory.
Where uv looks for the user's own `uv.toml`: https://docs.astral.sh/uv/concepts/configuration-files/
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.bindings import read_entry
from uv_buildpack import log
from uv_buildpack.downloads import certificates
from uv_buildpack.downloads.network import Network
from uv_buildpack.uv import git
from uv_buildpack.uv.running import NETWORK_VARIABLES, Bound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cnb.bindings import Binding

TYPE = "uv"
CONFIG_FILE = "uv.toml"
NETRC = "netrc"
_NETRC_SECRET = re.compile(r"\b(?:login|account|password)\s+(\S+)")
_CREDENTIALS_SECRET = re.compile(r"://([^:@\s]+)(?::([^@\s]+))?@")
#: Variables whose value is a path: where the file of a binding holds the thing itself, its own path is the value.
_PATHS = ("SSL_CERT_FILE", "SSL_CLIENT_CERT", "NETRC")


def config_file(bindings: Iterable[Binding]) -> Path | None:
    """Return the user-level `uv.toml` of the bindings."""
    return entries(bindings).get(CONFIG_FILE)


def entries(bindings: Iterable[Binding]) -> dict[str, Path]:
    """Return the files of all bindings of type `uv`; a later binding (by name) beats an earlier one."""
    found: dict[str, Path] = {}
    for binding in bindings:
        if binding.type == TYPE:
            found.update(binding.entries)
    return found


def directories(bindings: Iterable[Binding]) -> tuple[Path, ...]:
    """Return the directories of bindings of type `uv`, which may hold an archive of CPython."""
    bound = (binding for binding in bindings if binding.type == TYPE)
    return tuple(dict.fromkeys(path.parent for binding in bound for path in binding.entries.values()))


def network(environment: Mapping[str, str], bindings: Iterable[Binding]) -> Network:
    """Return how servers are reached; the user's variables beat those of bindings.

    Raises `CertificateInvalid`, `OSError`.
    """
    bindings = tuple(bindings)
    authorities = certificates.of_bindings(bindings)
    certificates.check(authorities)
    files = entries(bindings)
    merged = {**_variables(files), **environment}
    netrc = Path(merged["NETRC"]) if merged.get("NETRC") else files.get(NETRC)
    return Network(variables=merged, authorities=authorities, netrc=netrc)


def read(bindings: Iterable[Binding], reached: Network, scratch: Path) -> Bound:
    """Read bindings, and write what programs need as files below `scratch`. Raises `Problem`, `OSError`."""
    files = entries(bindings)
    _keep_secrets(files)
    bundle = None
    if reached.authorities:
        bundle = scratch / "ca-certificates.pem"
        bundle.write_bytes(certificates.bundle(reached.variables, reached.authorities))
    copied = None
    if CONFIG_FILE in files:
        copied = scratch / "config" / "uv" / CONFIG_FILE
        copied.parent.mkdir(parents=True)
        copied.touch(mode=0o600)  # addresses in it may have credentials
        shutil.copyfile(files[CONFIG_FILE], copied)
    return Bound(
        config_file=copied,
        netrc=reached.netrc,
        variables=_variables(files),
        certificates=bundle,
        git=git.variables(reached.variables, files, reached.netrc, scratch / "git"),
    )


def _variables(files: Mapping[str, Path]) -> dict[str, str]:
    variables = {}
    for name, path in files.items():
        if NETWORK_VARIABLES.fullmatch(name):
            value = read_entry(path)
            variables[name] = str(path) if name in _PATHS and "\n" in value else value
    log.keep_secret(value for name, value in variables.items() if name.endswith(("_PASSWORD", "_USERNAME")))
    return variables


def _keep_secrets(files: Mapping[str, Path]) -> None:
    for name, pattern in ((NETRC, _NETRC_SECRET), *((name, _CREDENTIALS_SECRET) for name in git.CREDENTIALS)):
        if name in files:
            text = files[name].read_text(encoding="utf-8", errors="replace")
            log.keep_secret(part for found in pattern.finditer(text) for part in found.groups() if part)
