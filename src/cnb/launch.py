"""What the image starts: processes, labels and slices of `launch.toml`.

Buildpack specification, "launch.toml (TOML)": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#launchtoml-toml
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# The specification allows letters, digits, ".", "_" and "-".
PROCESS_TYPE = re.compile(r"[A-Za-z0-9._-]+\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process type."""

    type: str
    """Its name; the exporter links `/cnb/process/<type>` to the launcher."""
    command: tuple[str, ...]
    """Program and arguments that stay; executed without a shell."""
    args: tuple[str, ...] = ()
    """Defaults that the user's own arguments replace (Platform API 0.10 on)."""
    default: bool = False
    """Whether the image starts it when it is given no entrypoint; at most one process has it."""
    working_directory: str | None = None
    """Absolute, or relative to the app directory; the app directory when `None`."""

    def document(self) -> dict[str, Any]:
        """Return the `[[processes]]` entry."""
        document: dict[str, Any] = {"type": self.type, "command": list(self.command)}
        if self.args:
            document["args"] = list(self.args)
        if self.default:
            document["default"] = True
        if self.working_directory is not None:
            document["working-dir"] = self.working_directory
        return document


@dataclass(frozen=True, slots=True)
class Label:
    """A label of the image. Of equal keys the last buildpack's wins."""

    key: str
    """In reverse domain notation, such as `org.opencontainers.image.title`."""
    value: str
    """Taken verbatim."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Paths that become an app layer of their own."""

    paths: tuple[str, ...]
    """Globs relative to the app directory, without `**`."""
