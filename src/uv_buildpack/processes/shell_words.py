"""A command line as a POSIX shell would split it: as much of that grammar as start commands need.

The point is to know when a command line needs no shell, and where `exec` may be put without changing what it does. What
is not understood for certain is `None`, and then the shell gets the line as it is.
The grammar: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/V3_chap02.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Expansions that cannot hide an operator: no quotes and no nesting inside.
_EXPANSION = re.compile(r"\$\([^()'\"`$\\<>&|;#]*\)|\$\{[^{}'\"`\\$()]*\}|\$[A-Za-z_0-9@*#?!$-]")
_REDIRECTION = re.compile(r"(<|>>|>\||>)(&[0-9-])?")
_OPERATOR = re.compile(r"&&|\|\||;(?!;)")
_DOUBLE_QUOTED = re.compile(r'"((?:[^"\\`$]|\\.|\$[A-Za-z_0-9@*]|\$\{[^{}\'"`\\$()]*\})*)"', re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=", re.ASCII)
# They mean something to the shell, alone or within a word.
_ACTIVE = "*?[]{}~!"
_RESERVED = frozenset(["!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "then"])
_LOOPS = frozenset(["until", "while", "function", "[[", "select", "time"])


class Word(NamedTuple):
    """A word at `text[start:end]`; `plain`: no shell would make anything else of it but remove its quotes."""

    start: int
    end: int
    text: str
    plain: bool

    @property
    def assignment(self) -> bool:
        """Return whether it would set a variable in front of a command."""
        return bool(_ASSIGNMENT.match(self.text))


class Command(NamedTuple):
    """A simple command: the words of its assignments, and the words after them."""

    assignments: tuple[Word, ...]
    words: tuple[Word, ...]

    @property
    def program(self) -> str:
        """The first word as it is written, quotes included."""
        return self.words[0].text if self.words else ""


def commands(text: str) -> list[Command] | None:
    """Split into the simple commands of a list (`&&`, `||`, `;`); `None` for anything that is more than that."""
    lists: list[list[Word]] = [[]]
    position = 0
    while position < len(text):
        if text[position] in " \t":
            position += 1
        elif operator := _OPERATOR.match(text, position):
            lists.append([])
            position = operator.end()
        else:
            word = _word(text, position)
            if word is None:
                return None
            lists[-1].append(word)
            position = word.end
    found = [_command(words) for words in lists]
    understood = all(command.words and command.program not in _RESERVED | _LOOPS for command in found)
    return found if understood else None


def _command(words: list[Word]) -> Command:
    count = next((index for index, word in enumerate(words) if not word.assignment), len(words))
    return Command(tuple(words[:count]), tuple(words[count:]))


def _word(text: str, start: int) -> Word | None:
    if text[start] == "#":
        return None  # a comment
    position, plain = start, True
    while position < len(text) and text[position] not in " \t" and not _OPERATOR.match(text, position):
        piece = _piece(text, position)
        if piece is None:
            return None
        position, piece_plain = piece
        plain = plain and piece_plain
    return Word(start, position, text[start:position], plain)


def _piece(text: str, start: int) -> tuple[int, bool] | None:
    """Return the end of the piece of a word at `start`, and whether it is plain; `None` if it is not understood."""
    character = text[start]
    if character == "'":
        end = text.find("'", start + 1)
        return (end + 1, True) if end > 0 else None
    if character == '"':
        quoted = _DOUBLE_QUOTED.match(text, start)
        return (quoted.end(), "$" not in quoted[1]) if quoted else None
    if character == "\\":
        return (start + 2, True) if start + 1 < len(text) and text[start + 1] != "\n" else None
    for pattern in (_EXPANSION, _REDIRECTION):
        match = pattern.match(text, start)
        if match:
            return (match.end(), False)
    if character in "`$|&;()<>\n":
        return None
    return (start + 1, character not in _ACTIVE)
