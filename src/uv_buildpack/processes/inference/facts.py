"""What inference goes by, and what it returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HERE = PurePosixPath()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFacts:
    """What inference goes by. Names of distributions are normalised."""

    project_dir: Path
    direct_dependencies: frozenset[str]
    """Of the installed groups and extras too."""
    installed: Mapping[str, str]
    """Everything that is installed from the lock: name → version."""
    packaged: bool
    """The project is installed itself, so that its modules are importable and its scripts exist."""
    pyproject: Mapping[str, Any]
    lock: str = "uv.lock"
    """The name of the lock, for the log."""
    script: str | None = None
    """The file that is the whole application, in the project's directory, if it is a single one."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Dependencies that are not installed: name → the setting that installs it, such as `BP_UV_GROUPS=prod`."""

    @property
    def direct(self) -> frozenset[str]:
        """The direct dependencies that are installed: a marker may exclude one here."""
        return self.direct_dependencies & self.installed.keys()

    def locked(self, distribution: str) -> str:
        """Return what the log says of a distribution that is to be installed: its version, and where that is from."""
        version = self.installed.get(distribution)
        return f"{distribution} {version} in {self.lock}" if version else f"{distribution} is not in {self.lock}"

    @property
    def name(self) -> str:
        """The project's name."""
        return str(self.pyproject.get("project", {}).get("name", ""))


class InferredProcess(NamedTuple):
    """A process type; `command` is a command line as in a Procfile. `evidence` is why, in lines."""

    type: str
    command: str
    evidence: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    directory: PurePosixPath = HERE
    """Where it is started, relative to the project's directory."""


class Inference(NamedTuple):
    """What was inferred, and, when there is no web process, what was considered and the line to write."""

    processes: tuple[InferredProcess, ...] = ()
    considered: tuple[str, ...] = ()
    suggestion: str = ""
    default: str | None = None
    """The type that is the default although there are several, and none is `web`."""
    undecided: bool = False
    """Whether none is the default, not even the only one: what serves the web was found, but not for certain."""
