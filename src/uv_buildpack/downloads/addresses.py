"""Which addresses something may be fetched from."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit


def is_allowed(url: str, *, encrypted_before: bool = False) -> bool:
    """Return whether nobody can replace what comes from an address in transit: no digest covers a catalogue.

    `https`, `file` on this machine, and `http` to loopback, unless an encrypted address led there.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # it may be no number, or too large
    except ValueError:
        return False
    if parts.scheme == "http":
        return _is_loopback(host) and not encrypted_before
    return (parts.scheme == "https" and bool(host)) or (parts.scheme == "file" and not parts.netloc)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
