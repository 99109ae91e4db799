"""The part of a page that a program writes, between two markers; the rest belongs to people."""

from __future__ import annotations


def between(text: str, name: str, content: str) -> str:
    """Replace what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. Raises ValueError without them."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, found, rest = text.partition(begin)
    old, closed, after = rest.partition(end)
    if not found or not closed or begin in old:
        message = f"there are no markers for {name}"
        raise ValueError(message)
    return f"{before}{begin}{content}{end}{after}"
