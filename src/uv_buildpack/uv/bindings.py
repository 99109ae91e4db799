"""What bindings hold for uv: configuration, `netrc`, variables with credentials, certificates.

Secrets are read here and masked in everything that is printed from then on. They end up in no layer: files that uv
needs as files are below the scratch directory.
"""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from cnb.bindings import read_entry
from uv_buildpack import log
from uv_buildpack.uv.running import NETWORK_VARIABLES, Bound

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cnb.bindings import Binding

TYPE = "uv"
CONFIG_FILE = "uv.toml"
NETRC = "netrc"
_NETRC_PASSWORD = re.compile(r"\bpassword\s+(\S+)")


def config_file(bindings: Iterable[Binding]) -> Path | None:
    """Give the user-level `uv.toml` of the bindings."""
    return _entries(bindings).get(CONFIG_FILE)


def _entries(bindings: Iterable[Binding]) -> dict[str, Path]:
    entries: dict[str, Path] = {}
    for binding in bindings:
        if binding.type == TYPE:
            entries.update(binding.entries)
    return entries


def read(bindings: Iterable[Binding], scratch: Path) -> Bound:
    """Read the bindings of type `uv`. A later binding (by name) beats an earlier one. Raises `OSError`."""
    entries = _entries(bindings)
    variables = {name: read_entry(path) for name, path in entries.items() if NETWORK_VARIABLES.fullmatch(name)}
    log.keep_secret(value for name, value in variables.items() if name.endswith(("_PASSWORD", "_USERNAME")))
    if NETRC in entries:
        log.keep_secret(_NETRC_PASSWORD.findall(entries[NETRC].read_text(encoding="utf-8", errors="replace")))
    copied = None
    if CONFIG_FILE in entries:
        copied = scratch / "config" / "uv" / CONFIG_FILE
        copied.parent.mkdir(parents=True)
        shutil.copyfile(entries[CONFIG_FILE], copied)
    return Bound(config_file=copied, netrc=entries.get(NETRC), variables=variables)
