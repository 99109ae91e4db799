"""How a command line becomes the arguments of a process.

Without shell syntax the program is executed directly. With it, `/bin/sh -c` runs the line, and `exec` stands before its
last command: the program takes the place of the shell, and so gets the platform's signals.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.shell_words import Command, commands

if TYPE_CHECKING:
    from collections.abc import Sequence

# Commands that only a shell has, or that `exec` would rob of their meaning.
# fmt: off
_BUILTINS = frozenset([
    ".", ":", "alias", "bg", "cd", "command", "eval", "exec", "exit", "export", "fg", "hash", "jobs",
    "local", "read", "readonly", "return", "set", "shift", "source", "trap", "type", "ulimit", "umask", "unset", "wait",
])
# Options of `uv run` that say nothing about which program runs in which environment:
# https://docs.astral.sh/uv/reference/cli/#uv-run
_IDLE_OPTIONS = frozenset([
    "--active", "--all-packages", "--exact", "--frozen", "--locked", "--no-cache", "--no-default-groups",
    "--no-dev", "--no-editable", "--no-progress", "--no-sync", "--offline", "--quiet", "--verbose", "-n", "-q", "-v",
])
# fmt: on
# A comment ends at the end of the line, quotes in it mean nothing. Those within quotes are passed over.
_COMMENT = re.compile(r"""(?<!\S)#.*|'[^']*'|"(?:[^"\\]|\\.)*\"""", re.DOTALL)
_UV = re.compile(r"(?<![\w./-])(uvx|uv (run|tool run))(?![\w./-])")


class StartCommand(NamedTuple):
    """Arguments to execute, the first of them a program; `warnings` are for the log."""

    argv: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    @property
    def shell(self) -> bool:
        """Return whether a shell runs it."""
        return self.argv[:2] == ("/bin/sh", "-c")


def from_line(line: str) -> StartCommand:
    """Make the start command of a command line. Raises `ValueError`: empty, or a quotation without an end."""
    line = line.strip()
    _check_words((line,))
    line, warnings = _without_uv_run(line)
    found = commands(line)
    if found is None:
        _check_quotes(line)
        return StartCommand(("/bin/sh", "-c", line), warnings)
    if _is_direct(found):
        return StartCommand(tuple(shlex.split(line)), warnings)
    return StartCommand(("/bin/sh", "-c", _with_exec(line, found)), warnings)


def from_words(words: Sequence[str]) -> StartCommand:
    """Make the start command of an array: it is executed as it is. Raises `ValueError` if there is no program."""
    _check_words(words)
    drop, prefix = _uv_run(words)
    argv = (*prefix, *words[drop:])
    warnings = [_stripped(shlex.join(words), shlex.join(argv))] if drop else []
    if not drop and _UV.search(" ".join(words[:3])):
        warnings.append(_kept(shlex.join(words)))
    if any(re.search(r"\$\{?[A-Za-z_]", word) for word in argv) and argv[0] not in {"sh", "/bin/sh", "bash"}:
        warnings.append(f"an array is executed without a shell, `$` means nothing in it: {shlex.join(argv)}")
    return StartCommand(argv, tuple(warnings))


def _check_words(words: Sequence[str]) -> None:
    if not words or not words[0]:
        raise ValueError("the command is empty")
    if any("\0" in word for word in words):
        raise ValueError("the command has a NUL character, which no program can be given")


def _is_direct(found: Sequence[Command]) -> bool:
    (first, *rest) = found
    return (
        not rest
        and not first.assignments
        and first.program not in _BUILTINS
        and all(word.plain for word in first.words)
    )


def _with_exec(line: str, found: Sequence[Command]) -> str:
    """Let the last command take the shell's place, unless a shell has to be there after it (`trap`)."""
    if found[-1].program in _BUILTINS or any(command.program == "trap" for command in found):
        return line
    start = found[-1].words[0].start
    return f"{line[:start]}exec {line[start:]}"


def _check_quotes(line: str) -> None:
    """Distinguish an unfinished quotation from syntax that is merely not understood here."""
    try:
        shlex.split(_COMMENT.sub("", line))
    except ValueError as error:
        # Within a substitution or a here-document quotes follow other rules.
        if not re.search(r"\$\(|`|<<", line):
            raise ValueError(f"the command cannot be read: {str(error).lower()}") from None


def _without_uv_run(line: str) -> tuple[str, tuple[str, ...]]:
    """Remove `uv run` where it plainly only starts a program.

    It would sync again at each start, and uv is not in the image.
    """
    original = line
    for command in reversed(commands(line) or ()):
        words = command.words[1:] if command.program == "exec" else command.words
        drop, prefix = _uv_run([word.text for word in words])
        if drop:
            line = line[: words[0].start] + "".join(f"{word} " for word in prefix) + line[words[drop].start :]
    warnings = (_stripped(original, line),) if line != original else ()
    return line, (*warnings, *((_kept(line),) if _UV.search(line) else ()))


def _uv_run(words: Sequence[str]) -> tuple[int, tuple[str, ...]]:
    """Return how many words to drop and what to put there instead: `(0, ())` if it is no plain `uv run`."""
    if list(words[:2]) != ["uv", "run"]:
        return 0, ()
    index = 2
    while index < len(words) and words[index] in _IDLE_OPTIONS:
        index += 1
    rest = words[index:]
    if len(rest) > 1 and rest[0] in {"-m", "--module"}:
        return index + 1, ("python", "-m")
    if len(rest) > 1 and rest[0] in {"-s", "--script", "--"}:
        index, rest = index + 1, rest[1:]
    if not rest or rest[0].startswith("-"):
        return 0, ()
    return index, ("python",) if rest[0].endswith(".py") else ()


def _stripped(before: str, after: str) -> str:
    return f"`uv run` is not needed in a start command; `{before}` is started as `{after}`"


def _kept(line: str) -> str:
    return f"uv is not in the image, so that this cannot start: `{line}`; name the program without uv"
