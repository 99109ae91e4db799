"""The pages of the site, made from the Markdown files of the repository: their links have to lead somewhere else there.

In the repository, README.md links to docs/errors.md. On the site both are beside each other, and whatever is no page
is looked at on the repository's own address.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# A link or an image: everything up to its address, the address, the anchor.
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_ADDRESS = re.compile(r"[a-z]+:")


def write_sources(repository: Path, target: Path, address: str) -> None:
    """Write the pages below `target`; links to files that are no pages lead below `address`."""
    shutil.rmtree(target, ignore_errors=True)
    pages = site_pages(repository)
    for source, page in pages.items():
        place = target / page
        place.parent.mkdir(parents=True, exist_ok=True)
        text = (repository / source).read_text(encoding="utf-8")
        place.write_text(on_the_site(text, source, pages, address), encoding="utf-8")
    for asset in sorted((repository / "docs").rglob("*")):
        if asset.is_file() and asset.suffix != ".md":
            place = target / asset.relative_to(repository / "docs")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(asset, place)


def site_pages(repository: Path) -> dict[str, str]:
    """Return the Markdown files of the repository that are pages, and where each is on the site."""
    pages = {"README.md": "index.md", "CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md"}
    for path in sorted((repository / "docs").rglob("*.md")):
        pages[_posix(path, repository)] = _posix(path, repository / "docs")
    for path in sorted((repository / "examples").glob("*/README.md")):
        pages[_posix(path, repository)] = f"examples/{path.parent.name}.md"
    return pages


def on_the_site(text: str, source: str, pages: Mapping[str, str], address: str) -> str:
    """Return the text of a page with the links that it has on the site. Code blocks stay as they are."""

    def link(match: re.Match[str]) -> str:
        before, place, after = match.groups()
        if _ADDRESS.match(place):
            return match.group()
        return f"{before}{_place(place, source, pages, address)}{after}"

    parts = _FENCED.split(text)
    blocks = [*_FENCED.findall(text), ""]
    return "".join(_LINK.sub(link, part) + block for part, block in zip(parts, blocks, strict=True))


def _place(place: str, source: str, pages: Mapping[str, str], address: str) -> str:
    here = PurePosixPath(source)
    target = os.path.normpath(here.parent / place)
    folder = os.path.dirname(pages[source])  # noqa: PTH120 (a path of the site, not of this machine)
    if target in pages:
        return os.path.relpath(pages[target], folder or ".")
    if target.startswith("docs/"):
        return os.path.relpath(target.removeprefix("docs/"), folder or ".")
    return f"{address}/{target}"


def _posix(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix()
