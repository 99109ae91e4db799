"""What `scripts/test` runs, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from checks.platforms import containers_reason

if TYPE_CHECKING:
    from pathlib import Path

_TYPED = ("src", "tests", "integration", "scripts", "benchmarks")
_SIDE_BY_SIDE = ("--numprocesses=auto", "--maxprocesses=4")
# By file, in the order of integration/conftest.py: what the cases of a file share is made once.
_INTEGRATION = (
    *("pytest", "integration", *_SIDE_BY_SIDE),
    *("--dist=loadfile", "--no-loadscope-reorder", "--durations=25"),
)
_SHELL = ("bin", "src", "scripts", "benchmarks", ".ci")


@dataclass(frozen=True, slots=True)
class Step:
    """A name to choose it by, and the commands that have to succeed."""

    name: str
    commands: tuple[tuple[str, ...], ...]


def all_steps(repository: Path) -> list[Step]:
    """Return every step, cheap ones first."""
    return [
        Step("lint", (("ruff", "check", "--output-format", "concise"), ("ruff", "format", "--check"))),
        Step("types", (("mypy", *_python_files(repository)),)),
        Step("shell", (("shellcheck", "--external-sources", *_shell_files(repository)),)),
        Step("docs", (("scripts/docs",),)),
        Step("tests", (("pytest", "tests", *_SIDE_BY_SIDE, "--cov", "--cov-report=term"),)),
        Step("integration", (*_prepared(), _INTEGRATION)),
    ]


def _prepared() -> tuple[tuple[str, ...], ...]:
    """Return the command for what all processes of a run share; `scripts/try` removes it only where it made it."""
    return () if containers_reason() else (("scripts/base-images",),)


def _python_files(repository: Path) -> list[str]:
    """Return what mypy has to look at: directories, and scripts that have no suffix to be found by."""
    directories = [name for name in _TYPED if any((repository / name).rglob("*.py"))]
    candidates = [path for path in _files(repository, ("scripts", "benchmarks")) if not path.suffix]
    scripts = [path for path in candidates if b"python3" in _first_line(path)]
    return [*directories, *(str(path.relative_to(repository)) for path in scripts)]


def _shell_files(repository: Path) -> list[str]:
    """Shell scripts, and the files that they source."""
    found = [path for path in _files(repository, _SHELL) if path.suffix == ".sh" or _is_shell(_first_line(path))]
    return [str(path.relative_to(repository)) for path in found]


def _files(repository: Path, names: tuple[str, ...]) -> list[Path]:
    paths = [path for name in names for path in sorted((repository / name).rglob("*"))]
    return [path for path in paths if path.is_file() and "__pycache__" not in path.parts]


def _first_line(path: Path) -> bytes:
    with path.open("rb") as opened:
        return opened.readline()


def _is_shell(line: bytes) -> bool:
    return line.startswith(b"#!") and line.rstrip().endswith((b"/sh", b"bash", b"env sh"))
