"""Start commands that the repository has for other platforms: shown where nothing is certain, never executed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAXIMUM_SIZE = 64 * 1024
# Where each kind of file has its start command, as a line of it.
_FILES = {
    "Dockerfile": r"^\s*(?:CMD|ENTRYPOINT)\s+(?P<command>.+?)\s*$",
    "render.yaml": r"^\s*(?:startCommand|dockerCommand):\s*(?P<command>.+?)\s*$",
    "railway.json": r"\"startCommand\":\s*\"(?P<command>[^\"]+)\"",
    "railway.toml": r"^\s*startCommand\s*=\s*(?P<command>.+?)\s*$",
    "fly.toml": r"^\s*(?:app|web)\s*=\s*(?P<command>[\"'].*\s.*[\"'])\s*$",
    "app.yaml": r"^\s*entrypoint:\s*(?P<command>.+?)\s*$",
    "app.json": r"\"(?:start|startCommand|web)\"\s*:\s*\"(?P<command>[^\"]+)\"",
    "compose.yaml": r"^\s*command:\s*(?P<command>.+?)\s*$",
    "compose.yml": r"^\s*command:\s*(?P<command>.+?)\s*$",
    "docker-compose.yaml": r"^\s*command:\s*(?P<command>.+?)\s*$",
    "docker-compose.yml": r"^\s*command:\s*(?P<command>.+?)\s*$",
}


def start_hints(project_dir: Path) -> Iterator[str]:
    """Return what files for other platforms start, with their lines; of a Dockerfile only the last stage counts."""
    for name, pattern in _FILES.items():
        text = _text(project_dir / name)
        found = list(re.finditer(pattern, text, re.MULTILINE))
        for match in found[-1:] if name == "Dockerfile" else found[:3]:
            line = text.count("\n", 0, match.start("command")) + 1
            yield f"{name}:{line} starts: {match['command']}"


def _text(path: Path) -> str:
    # A link may lead to what is not the app's, and a pipe has no end.
    if path.is_symlink() or not path.is_file():
        return ""
    try:
        with path.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(_MAXIMUM_SIZE)
    except OSError:
        return ""
