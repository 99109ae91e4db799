"""What the lifecycle tells detection, which runs for every app on every builder and so imports next to nothing.

Buildpack specification, "Detection": https://github.com/buildpacks/spec/blob/buildpack/0.10/buildpack.md#detection
Both forms are read: `CNB_*` variables (Buildpack API 0.8 on) and positional arguments, which lifecycle 0.21 still
passes (https://github.com/buildpacks/lifecycle/blob/v0.21.17/buildpack/detect.go); a variable wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class ContextError(Exception):
    """The platform did not give what the specification promises; the message names what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectContext:
    """Input of `bin/detect`."""

    app_dir: Path
    """The application's source, absolute: the working directory of `bin/detect`."""
    platform_dir: Path
    """`env/` and `bindings/` of the platform, absolute."""
    plan_path: Path
    """The file that takes the build plan: it exists, empty."""
    environment: Mapping[str, str]
    """The process environment with the user's variables; with `clear-env` those of `<platform>/env` are added."""
    buildpack_dir: Path
    """`CNB_BUILDPACK_DIR`, absolute."""


def detect_context(arguments: Sequence[str], environment: Mapping[str, str], app_dir: Path) -> DetectContext:
    """Make the input of detection from `bin/detect <platform> <plan>` and `CNB_*`. Raises `ContextError`."""
    platform_dir = input_path("CNB_PLATFORM_DIR", environment, arguments, 0)
    return DetectContext(
        app_dir=app_dir,
        platform_dir=platform_dir,
        plan_path=input_path("CNB_BUILD_PLAN_PATH", environment, arguments, 1),
        environment=user_environment(platform_dir, environment),
        buildpack_dir=input_path("CNB_BUILDPACK_DIR", environment, (), 0),
    )


def user_environment(platform_dir: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Add the files of `<platform>/env` that are not in the environment yet (`clear-env` keeps them out)."""
    directory = platform_dir / "env"
    combined = dict(environment)
    if directory.is_dir():
        for path in directory.iterdir():
            if path.name not in combined and path.is_file():
                value = path.read_text(encoding="utf-8", errors="surrogateescape")
                # No variable can have a NUL: the lifecycle passes such a file to nobody.
                if "\0" not in value:
                    combined[path.name] = value
    return combined


def input_path(name: str, environment: Mapping[str, str], arguments: Sequence[str], position: int) -> Path:
    """Return an input as an absolute path: the variable, else the argument at `position`. Raises `ContextError`."""
    value = environment.get(name) or (arguments[position] if position < len(arguments) else "")
    if not value:
        message = f"{name} is not set, and argument {position + 1} is missing"
        raise ContextError(message)
    return Path(value).absolute()
