"""The commands by which uv installs what a lock has: first third-party packages, then local ones by their names.

The lock decides what is installed, by uv's own walk for a project and for a script. Of a `pylock.toml` uv installs a
part, which the buildpack has chosen: uv has no words for "without local packages" there (uv 0.13.9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

# What `compile-bytecode = true` in uv's settings leaves differs with each build; no variable turns it off.
# https://docs.astral.sh/uv/reference/settings/#compile-bytecode
_NO_BYTECODE = "--no-compile-bytecode"
# Or uv warns with each command that it may change how it reads the file (0.12.5 and 0.13.9:
# https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-preview/src/lib.rs).
_PREVIEW = ("--preview-features", "pylock")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPackages:
    """Some of the local packages, by their names."""

    names: Sequence[str]
    others: Sequence[str] = ()
    """Those that are not installed now."""
    complete: bool = False
    """Whether the environment is complete, and uv must know all that is in it: it builds with `match-runtime`."""
    copied: bool = False
    """Whether none of them is editable, whatever the lock says."""


class Installing(Protocol):
    """How uv installs from a kind of lock into the environment `venv`."""

    def third_party(self, venv: Path) -> list[str]:
        """Return the command that brings the environment to what the lock has, without local packages."""

    def local(self, venv: Path, directory: Path, packages: LocalPackages) -> list[str]:
        """Return the command that adds local packages of the project, or of its copy, in `directory`, where uv runs."""


@dataclass(frozen=True, slots=True)
class FromProject:
    """From `uv.lock`; `arguments` are the choice as `uv sync` has it."""

    arguments: Sequence[str]

    def third_party(self, venv: Path) -> list[str]:  # noqa: ARG002 (uv reads it from UV_PROJECT_ENVIRONMENT)
        """Return the command that brings the environment to what the lock has, without local packages."""
        return ["sync", "--frozen", "--no-default-groups", "--no-install-local", _NO_BYTECODE, *self.arguments]

    def local(self, venv: Path, directory: Path, packages: LocalPackages) -> list[str]:  # noqa: ARG002
        """Return the command that adds local packages."""
        command = ["sync", "--frozen", "--inexact", "--no-default-groups", _NO_BYTECODE]
        return [*command, *_only(packages), *self.arguments, *_not_editable(packages)]


@dataclass(frozen=True, slots=True)
class FromScript:
    """From the lock of a script.

    uv syncs a script into an environment of its own, but with `--active` into the one that `VIRTUAL_ENV` names. It
    does not take `--no-install-local` beside `--script` (uv 0.13.9, and 0.12.5:
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-cli/src/lib.rs), so local packages are named.
    """

    script: str
    local_packages: Sequence[str]

    def third_party(self, venv: Path) -> list[str]:  # noqa: ARG002 (uv reads it from VIRTUAL_ENV)
        """Return the command that brings the environment to what the lock has, without local packages."""
        without = [word for name in self.local_packages for word in ("--no-install-package", name)]
        return [*self._sync(), *without, _NO_BYTECODE]

    def local(self, venv: Path, directory: Path, packages: LocalPackages) -> list[str]:  # noqa: ARG002
        """Return the command that adds local packages."""
        return [*self._sync(), "--inexact", _NO_BYTECODE, *_only(packages), *_not_editable(packages)]

    def _sync(self) -> list[str]:
        return ["sync", "--script", self.script, "--active", "--frozen"]


@dataclass(frozen=True, slots=True)
class FromPylock:
    """From a `pylock.toml`, by parts of it that are written to the disk when they are asked for.

    The environment is named: the interpreter that all commands are given (`UV_PYTHON`) would come before it.
    """

    packages: Callable[[], Path]
    """Writes the part without local packages, and returns the file."""
    local_packages: Callable[[Path, LocalPackages], Path]
    """Writes the part with local packages, which are in a directory, and returns the file."""

    def third_party(self, venv: Path) -> list[str]:
        """Return the command that brings the environment to what the lock has, without local packages."""
        # With local packages alone there is nothing to sync, and uv would not take that for what is meant.
        command = ["pip", "sync", *_PREVIEW, "--python", str(venv), _NO_BYTECODE, "--allow-empty-requirements"]
        return [*command, str(self.packages())]

    def local(self, venv: Path, directory: Path, packages: LocalPackages) -> list[str]:
        """Return the command that adds local packages."""
        file = self.local_packages(directory, packages)
        command = ["pip", "install", *_PREVIEW, "--python", str(venv), "--no-deps", _NO_BYTECODE]
        return [*command, "--requirements", str(file)]


def _only(packages: LocalPackages) -> list[str]:
    """Return the options that keep uv from touching anything else.

    With `--only-install-…` uv forgets all other packages, which a build with `match-runtime` needs to know, and ignores
    `--no-install-package` (`include_package` in uv 0.12.5,
    https://github.com/astral-sh/uv/blob/0.12.5/crates/uv-configuration/src/install_options.rs).
    """
    if packages.complete:
        return [word for name in packages.others for word in ("--no-install-package", name)]
    return [word for name in packages.names for word in ("--only-install-package", name)]


def _not_editable(packages: LocalPackages) -> list[str]:
    return ["--no-editable"] if packages.copied else []
