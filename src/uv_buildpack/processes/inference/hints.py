"""Start commands that the repository has for other platforms: shown where nothing is certain, never executed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAXIMUM_SIZE = 64 * 1024
_MAXIMUM_LENGTH = 200
# A command in YAML: in the line, else the more indented lines below it (a block text or a list of words).
_YAML = r"^(?P<indent> *)(?:- +)?(?:%s):[ \t]*(?P<command>[^\s>|#].*|[>|]?[-+]?[ \t]*\n(?:(?P=indent) +\S.*(?:\n|\Z))+)"
_YAML_COMPOSE = _YAML % "command"
# Where each kind of file has its start command.
_FILES = {
    "Dockerfile": r"^[ \t]*(?:CMD|ENTRYPOINT)[ \t]+(?P<command>(?:.*\\\n)*.+)$",
    "render.yaml": _YAML % "startCommand|dockerCommand",
    "railway.json": r"\"startCommand\":\s*\"(?P<command>[^\"]+)\"",
    "railway.toml": r"^[ \t]*startCommand[ \t]*=[ \t]*(?P<command>.+)$",
    "fly.toml": r"^[ \t]*(?:app|web)[ \t]*=[ \t]*(?P<command>[\"'].*[ \t].*[\"'])[ \t]*$",
    "app.yaml": _YAML % "entrypoint",
    "app.json": r"\"(?:start|startCommand|web)\"\s*:\s*\"(?P<command>[^\"]+)\"",
    "compose.yaml": _YAML_COMPOSE,
    "compose.yml": _YAML_COMPOSE,
    "docker-compose.yaml": _YAML_COMPOSE,
    "docker-compose.yml": _YAML_COMPOSE,
}


def start_hints(project_dir: Path) -> Iterator[str]:
    """Return what files for other platforms start, with their lines; of a Dockerfile only the last stage counts."""
    for name, pattern in _FILES.items():
        text = _text(project_dir / name)
        found = list(re.finditer(pattern, text, re.MULTILINE)) if text else []
        for match in found[-1:] if name == "Dockerfile" else found[:3]:
            line = text.count("\n", 0, match.start("command")) + 1
            yield f"{name}:{line} starts: {_one_line(match['command'])}"


def _one_line(command: str) -> str:
    """Return a command of several lines as one: without the marks of block texts, list items and continued lines."""
    lines = command.splitlines()
    if len(lines) > 1:
        lines = [re.sub(r"^\s*- |\s*\\$|^[>|][-+]?\s*$", "", line) for line in lines]
    return " ".join(" ".join(lines).split())[:_MAXIMUM_LENGTH]


def _text(path: Path) -> str:
    # A link may lead to what is not the app's, and a pipe has no end.
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MAXIMUM_SIZE)
    except OSError:
        return ""
