"""What must not be printed: found in the variables and bindings of a build, before anything is analysed."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cnb.bindings import Binding

_SECRET_NAME = re.compile(
    r"(PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|CREDENTIALS?)(?=_|\d|$)|(^|_)(AUTH|AUTHORIZATION|COOKIE|PAT)(?=_|$)"
    r"|((^|_)(API|ACCESS|PRIVATE|SECRET|AUTH|ACCOUNT|SIGNING)_?KEY)(?=_|\d|$)|^UV_INDEX_\w+_USERNAME$"
)
_NO_SECRET = frozenset({"SSH_AUTH_SOCK"})
"""A path to a socket, which messages may name."""
_NETRC_WORD = re.compile(r"\b(?:login|password|account)\s+(?:\"((?:[^\"\\]|\\.){1,4000})\"|(\S{1,4000}))")
_USER_INFORMATION = re.compile(r"://([^/\s:@]{1,1000}):?([^\s@]{0,4000})@")
_HEADER = re.compile(r"(?i:authorization)\s*:\s*(?:(\w{1,40})\s+)?([^\s'\"]{4,8000})")
_LARGEST_ENTRY = 64 * 1024
"""Bytes of a binding's entry that are read for this."""
# Names that go with any token. Masking the word "token" would hide nothing, and make messages unreadable.
_USUAL_USERS = frozenset(
    {"__token__", "admin", "aws", "git", "oauth2", "oauth2accesstoken", "root", "token", "user", "x-access-token"}
)


def is_secret(name: str) -> bool:
    """Return whether the value of a variable is a secret, by the name of the variable."""
    return name not in _NO_SECRET and _SECRET_NAME.search(name.upper()) is not None


def of_variables(variables: Mapping[str, str]) -> Iterator[str]:
    """Return the values of secret variables, and the credentials in any other: in addresses, in headers for git."""
    for name, value in variables.items():
        if is_secret(name):
            yield from _user(value) if name.upper().endswith("_USERNAME") else (value,)
        yield from _in_text(value)
    for place in (variables.get("NETRC"), f"{variables.get('HOME', '')}/.netrc"):
        if place:
            yield from _of_netrc(_text(Path(place)))


def of_bindings(bindings: Iterable[Binding]) -> Iterator[str]:
    """Return the secrets in bindings: entries with the name of one, passwords in `netrc`, credentials in addresses."""
    for binding in bindings:
        for name, path in binding.entries.items():
            text = _text(path)
            if name == "netrc":
                yield from _of_netrc(text)
            elif _SECRET_NAME.search(re.sub(r"\W", "_", name).upper()) or name.lower() in {"username", "user"}:
                secret = text.strip()
                yield from _user(secret) if "user" in name.lower() else (secret,)
            yield from _in_text(text)


def _in_text(text: str) -> Iterator[str]:
    if "://" in text:
        for user, password in _USER_INFORMATION.findall(text):
            yield from _user(unquote(user))
            # Without a password the user is a token.
            yield from (password, unquote(password)) if password else (user,)
    for scheme, value in _HEADER.findall(text):
        yield value
        if scheme.lower() == "basic":
            yield from _of_basic(value)


def _of_basic(value: str) -> Iterator[str]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return
    yield from _user(user)
    yield password


def _of_netrc(text: str) -> Iterator[str]:
    for quoted, plain in _NETRC_WORD.findall(text):
        yield from _user(quoted or plain)


def _user(name: str) -> tuple[str, ...]:
    return () if name.lower() in _USUAL_USERS else (name,)


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(_LARGEST_ENTRY).decode("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return ""  # whoever needs it says so
