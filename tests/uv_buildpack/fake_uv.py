"""A program that answers as uv does: for each subcommand a script, and a record of how it was called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from uv_buildpack.uv.running import Uv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SCRIPT = """#!/bin/sh
{{ printf '%s\\n' "$@"; printf '\\0'; env; printf '\\0'; pwd; printf '\\1'; }} >> '{record}'
case "$*" in
{cases}
*) echo "error: unexpected arguments: $*" >&2; exit 2;;
esac
"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call: arguments, environment, working directory."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str


@dataclass(frozen=True, slots=True)
class FakeUv:
    """The program, as the buildpack holds it, and its calls."""

    uv: Uv
    record: Path

    def calls(self) -> list[Call]:
        """Return all calls, oldest first."""
        if not self.record.exists():
            return []
        return [_call(text) for text in self.record.read_text().split("\1") if text.strip()]


def fake_uv(directory: Path, answers: Mapping[str, str], environment: Mapping[str, str] | None = None) -> FakeUv:
    """Make a program that runs the shell commands of the first pattern that its arguments fit."""
    record, binary = directory / "calls", directory / "uv"
    cases = "\n".join(f"{pattern}) {commands};;" for pattern, commands in answers.items())
    binary.write_text(_SCRIPT.format(record=record, cases=cases))
    binary.chmod(0o755)
    return FakeUv(Uv(binary=binary, environment={"PATH": "/usr/bin:/bin", **(environment or {})}), record)


def says(text: str, status: int) -> str:
    """Return shell commands that print `text` to standard error and exit."""
    return f"cat >&2 <<'END'\n{text}\nEND\nexit {status}\n"


def writes(path: str, content: str) -> str:
    """Return shell commands that write a file."""
    return f"cat > {path} <<'END'\n{content}\nEND\n"


def _call(text: str) -> Call:
    # What the shell itself adds is left out.
    arguments, environment, directory = text.split("\0")
    pairs: Any = (line.partition("=")[::2] for line in environment.strip().splitlines())
    variables = {name: value for name, value in pairs if name not in {"_", "PWD", "OLDPWD", "SHLVL"}}
    return Call(arguments.splitlines(), variables, directory.strip())
