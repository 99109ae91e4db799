"""Text without secrets and without control characters, whatever wrote it. Every form costs time linear in the text."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "****"
_SHORTEST_SECRET = 4
_SHORTEST_ENCODED = 6
"""Of a shorter one too few characters of its base64 are certain: they would be found in prose."""
_NO_SECRETS = frozenset({"true", "false", "none", "null", "auto", "always", "never"})

# user:password@ and token@ at the start of what follows a "://", also where a password has "@" or "/" that nobody
# encoded. Matched once for each "://", on the text up to the next one.
_CREDENTIALS = re.compile(r"[^/\s]+(?=@)|[^/\s:@]+:(?!\d+[/\s])[^\s@]*(?=@)")

# Control characters but tab and newline, and what turns the direction of text: a terminal obeys them.
_BYTES = (*range(9), *range(11, 32), *range(127, 160))
_DIRECTIONS = (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROLS = {
    **{code: f"\\x{code:02x}" for code in _BYTES},
    **{code: f"\\u{code:04x}" for code in _DIRECTIONS},
}


def forms(secret: str) -> set[str]:
    """Return the forms in which tools print a secret: as it is, by lines, percent-encoded, escaped, in base64."""
    lines = {line.strip() for line in (secret, *secret.splitlines())}
    usable = {line for line in lines if len(line) >= _SHORTEST_SECRET and line.lower() not in _NO_SECRETS}
    return {form for line in usable for form in _forms_of_line(line)}


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text without credentials in addresses and without `secrets`, sorted by length, longest first."""
    if "://" in text and "@" in text:
        first, *others = text.split("://")
        text = "://".join([first, *(_without_credentials(other) for other in others)])
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text


def json_text(value: object) -> str:
    """Return JSON without credentials in addresses, for digests: a new password is no other input."""
    return without_secrets(json.dumps(value, sort_keys=True, default=str), ())


def without_controls(text: str) -> str:
    """Return the text with control characters, and bytes that were no text, as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode("utf-8")


def _without_credentials(text: str) -> str:
    match = _CREDENTIALS.match(text)
    return f"{MASK}{text[match.end() :]}" if match else text


def _forms_of_line(line: str) -> Iterator[str]:
    yield line
    encoded = line.encode("utf-8", "surrogateescape")
    for percent in (quote(encoded, safe=""), quote(encoded), quote_plus(encoded)):
        yield percent
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), percent)
    yield repr(line)[1:-1]
    if len(encoded) >= _SHORTEST_ENCODED:
        for form in _base64_of(encoded):
            yield form
            yield form.translate(str.maketrans("+/", "-_"))


def _base64_of(content: bytes) -> Iterator[str]:
    """Return what base64 has of it, wherever in a longer text (`user:password`, a JSON document) it begins."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + content).decode("ascii")
        # Characters that hold bits of what comes before or after are not certain.
        first = (before * 8 + 5) // 6
        last = (before + len(content)) * 8 // 6
        yield text[first:last]
