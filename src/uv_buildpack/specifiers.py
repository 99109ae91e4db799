"""Version specifiers of others: what `packaging` reads, within bounds."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, SpecifierSet

LONGEST = 4000
"""Characters. Python refuses to read an integer of more than 4300 digits, which `packaging` finds late or never.

https://docs.python.org/3/library/stdtypes.html#integer-string-conversion-length-limitation"""


def read(text: str) -> SpecifierSet:
    """Read a specifier. Raises `InvalidSpecifier`."""
    if len(text) > LONGEST:
        message = "it is too long"
        raise InvalidSpecifier(message)
    return SpecifierSet(text)
