"""Single-file applications: a script with inline metadata (PEP 723), and the `<script>.lock` that uv has made for it.

The metadata are read as what `pyproject.toml` would say, so that one road leads from both to an image.
https://packaging.python.org/en/latest/specifications/inline-script-metadata/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cnb import toml
from cnb.documents import DocumentError, Table
from uv_buildpack.errors import ScriptInvalid, ScriptMissing, SeveralScripts
from uv_buildpack.project import app_files
from uv_buildpack.project.files import Project, Pyproject, check_pyproject

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCK_SUFFIX = ".lock"
# A line of the block is a comment that is empty, or has a space before its text; the last `# ///` ends it.
_BLOCK = re.compile(r"^# /// script[ \t]*\n(?P<content>(?:^#(?:| .*)\n)+)^# ///[ \t]*$", re.MULTILINE)


def locked_scripts(directory: Path) -> list[Path]:
    """Return the scripts of a directory that have a lock beside them, sorted."""
    locks = directory.glob(f"*.py{LOCK_SUFFIX}")
    return sorted(script for lock in locks if (script := lock.with_suffix("")).is_file())


def only_script(app_dir: Path, directory: Path) -> Path | None:
    """Return the script to build where nobody chose one; `None` without any. Raises `SeveralScripts`."""
    found = locked_scripts(directory)
    if len(found) > 1:
        raise SeveralScripts([app_files.shown(app_dir, path) for path in found])
    return found[0] if found else None


def read_script(app_dir: Path, path: Path) -> Project:
    """Read a script with its lock. Raises `ScriptMissing`, `ScriptInvalid`, `FileUnreadable`, `FileOutside`."""
    shown = app_files.shown(app_dir, path)
    lock = path.with_name(f"{path.name}{LOCK_SUFFIX}")
    if not path.is_file():
        raise ScriptMissing(shown, "there is no such file")
    if not lock.is_file():
        raise ScriptMissing(shown, f"{lock.name} is not beside it")
    for each in (lock, path.with_name("uv.toml")):
        app_files.check_inside(app_dir, each)
    document = _as_pyproject(_metadata(app_files.read(app_dir, path), shown), shown)
    script = Pyproject(app_dir=app_dir, path=path, document=document)
    return Project(app_dir=app_dir, pyproject=script, root=script, lock_name=lock.name)


def _metadata(content: bytes, shown: str) -> Mapping[str, Any]:
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ScriptInvalid(shown, f"It is not UTF-8 (byte {error.start}).") from None
    blocks = list(_BLOCK.finditer(text if text.endswith("\n") else f"{text}\n"))
    if len(blocks) != 1:
        found = f"{len(blocks)} blocks" if blocks else "no block"
        raise ScriptInvalid(shown, f"It has {found} of inline metadata (from `# /// script` to `# ///`).")
    lines = blocks[0]["content"].splitlines()
    try:
        return toml.loads("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines))
    except toml.TOMLError as error:
        line = text.count("\n", 0, blocks[0].start()) + 1
        raise ScriptInvalid(shown, f"The metadata from line {line} on are not TOML: {error}") from None


def _as_pyproject(metadata: Mapping[str, Any], shown: str) -> dict[str, Any]:
    """Return a script's metadata where `pyproject.toml` has the same."""
    project = {key: metadata[key] for key in ("dependencies", "requires-python") if key in metadata}
    document = {"project": project, **({"tool": metadata["tool"]} if "tool" in metadata else {})}
    own = Table(metadata, shown)
    try:
        # By the places that the reader knows; what is left is where `pyproject.toml` has it as well.
        own.texts("dependencies")
        own.optional_text("requires-python")
        check_pyproject(Table(document, shown))
    except DocumentError as error:
        raise ScriptInvalid(shown, str(error)) from None
    return document
