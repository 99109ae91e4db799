"""Versions of the packages that examples and tests take from the real index: `requirements/examples.txt`.

Examples come without `uv.lock`, since a lock names the index that it was made from. So `uv lock` runs when one is
built, and these pins keep a release of that day from changing what comes of it.
"""

from __future__ import annotations

import sys
import tomllib
from typing import TYPE_CHECKING, Any

import tomli_w

from environment import REPOSITORY, REQUIREMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PINS = REQUIREMENTS / "examples.txt"
_EXAMPLES = REPOSITORY / "examples"
_SCRIPT, _END = "# /// script\n", "# ///\n"


def pinned() -> list[str]:
    """Return the lines `name==version ; marker`."""
    lines = PINS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith(("#", " "))]


def pin(project: Path) -> None:
    """Let `uv lock` and package builds in a copy of a project, or of a script, choose the pinned versions only."""
    path = project / "pyproject.toml"
    if not path.is_file():
        for script in scripts(project):
            _pin_script(script)
        return
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    document.setdefault("tool", {}).setdefault("uv", {}).update(_bounds())
    path.write_text(tomli_w.dumps(document), encoding="utf-8")


def scripts(directory: Path) -> list[Path]:
    """Return the scripts of a directory that have metadata of their own."""
    return [path for path in sorted(directory.glob("*.py")) if _SCRIPT in path.read_text(encoding="utf-8")]


def _pin_script(path: Path) -> None:
    lines = "".join(f"# {line}\n" for line in tomli_w.dumps({"tool": {"uv": _bounds()}}).splitlines())
    head, metadata = path.read_text(encoding="utf-8").split(_SCRIPT, 1)
    path.write_text(f"{head}{_SCRIPT}{metadata.replace(_END, f'{lines}{_END}', 1)}", encoding="utf-8")


def _bounds() -> dict[str, Any]:
    return {"constraint-dependencies": pinned(), "build-constraint-dependencies": pinned()}


def asked_for(directory: Path = _EXAMPLES) -> list[str]:
    """Return the requirements that the projects below a directory write down, those of their groups and builds too.

    Members and packages with a source of their own are not in the default index, and so are left out.
    """
    found = {line for path in directory.rglob("pyproject.toml") for line in _requirements(_read(path))}
    documents = [_read(path) for path in directory.rglob("pyproject.toml")]
    elsewhere = {document.get("project", {}).get("name") for document in documents}
    for document in documents:
        elsewhere.update(document.get("tool", {}).get("uv", {}).get("sources", {}))
    return sorted(line for line in found if line not in elsewhere)


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _requirements(document: dict[str, Any]) -> Iterator[str]:
    project = document.get("project", {})
    lists: Iterable[list[Any]] = (
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
        document.get("build-system", {}).get("requires", []),
    )
    yield from (line for entries in lists for line in entries if isinstance(line, str))


if __name__ == "__main__":
    sys.stdout.write("".join(f"{line}\n" for line in asked_for()))
