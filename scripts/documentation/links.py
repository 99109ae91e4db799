"""The built site is read as a browser reads it: each link leads to a page, and to an anchor on it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class _Page(HTMLParser):
    """What a page links to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect addresses and identifiers."""
        for name, value in attrs:
            if value and name in {"href", "src"}:
                self.links.append(value)
            elif value and name in {"id", "name"}:
                self.anchors.add(value)


def broken_links(site: Path) -> Iterator[str]:
    """Return a line for each link within the site that leads nowhere. Raises OSError."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        if path.name == "404.html":  # its addresses start at the place that the site is published at
            continue
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            found = target.is_file()
            if not found or (parts.fragment and target in pages and parts.fragment not in pages[target].anchors):
                yield f"{path.relative_to(site)}: {link}"


def pages_without_a_place(source: Path, navigation: str) -> list[str]:
    """Return the pages that the navigation does not name; records of decisions and examples are linked from a page."""
    pages = sorted(path.relative_to(source).as_posix() for path in source.glob("*.md"))
    return [page for page in pages if f'"{page}"' not in navigation]
