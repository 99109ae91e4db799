"""Programs that start commands name although nothing installs them, which otherwise only the start would show.

What an environment has in `bin` is not known when its layer is reused without its contents, so names decide.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from uv_buildpack.processes.shell_words import commands

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from uv_buildpack.processes.start_command import StartCommand

# Programs of distributions that are called otherwise, or in plural.
_DISTRIBUTIONS: dict[str, tuple[str, ...]] = {
    "django-admin": ("django",),
    "fastapi": ("fastapi-cli",),
    "huey_consumer": ("huey",),
    "huey_consumer.py": ("huey",),
    "py.test": ("pytest",),
    "rqscheduler": ("rq-scheduler",),
    "rqworker": ("rq",),
    "uwsgi": ("uwsgi", "pyuwsgi"),
    "waitress-serve": ("waitress",),
}
# Programs that are called like their distribution.
_SAME = (
    "alembic",
    "arq",
    "celery",
    "chainlit",
    "daphne",
    "dramatiq",
    "fastmcp",
    "flask",
    "granian",
    "gunicorn",
    "honcho",
    "hypercorn",
    "litestar",
    "marimo",
    "panel",
    "pytest",
    "quart",
    "reflex",
    "rq",
    "sanic",
    "saq",
    "shiny",
    "streamlit",
    "taskiq",
    "uvicorn",
)
_KNOWN: dict[str, tuple[str, ...]] = {**{name: (name,) for name in _SAME}, **_DISTRIBUTIONS}
_SHELL = frozenset({"[", "cd", "echo", "eval", "exec", "exit", "export", "set", "source", "test", "true", ".", ":"})
_PYTHONS = frozenset({"python", "python3"})


def missing(
    command: StartCommand,
    directory: Path,
    installed: Collection[str],
    elsewhere: Mapping[str, str],
    scripts: Collection[str],
) -> list[str]:
    """Return what a start command needs that is not there, with what to do.

    `directory` is where it starts; `elsewhere` maps dependencies that are not installed to the setting for them;
    `scripts` are the project's own.
    """
    found: list[str] = []
    for words in _simple_commands(command):
        program = words[0]
        if "/" in program:
            if not program.startswith("/") and "$" not in program and not (directory / program).exists():
                found.append(f"there is no {program}")
        elif program in _PYTHONS:
            found += _missing_file(words, directory)
        elif program not in _SHELL and program not in scripts:
            found += _not_installed(program, installed, elsewhere)
    return found


def _simple_commands(command: StartCommand) -> Iterator[Sequence[str]]:
    if not command.shell:
        yield command.argv
        return
    for one in commands(command.argv[2]) or ():
        words = [word.text for word in one.words]
        yield words[1:] if words[0] == "exec" and len(words) > 1 else words


def _missing_file(words: Sequence[str], directory: Path) -> Iterator[str]:
    file = next((word for word in words[1:2] if word.endswith(".py")), None)
    if file and "$" not in file and not (directory / file).exists():
        yield f"there is no {file}"


def _not_installed(program: str, installed: Collection[str], elsewhere: Mapping[str, str]) -> Iterator[str]:
    names = _KNOWN.get(program)
    if names is None:
        alike = _alike(program, installed)
        if alike and shutil.which(program) is None:
            yield f"no program {program} is known; did you mean {alike}?"
    elif not set(names) & set(installed):
        setting = next((elsewhere[name] for name in names if name in elsewhere), None)
        advice = f"{setting} installs it" if setting else f"`uv add {names[0]}` adds it"
        yield f"{program} is not installed; {advice}"


def _alike(program: str, installed: Collection[str]) -> str:
    """Return the installed program that a name is nearly like: a slip of the keyboard."""
    import difflib  # noqa: PLC0415 (for names that nothing here knows)

    if program in installed:
        return ""
    programs = [name for name, names in _KNOWN.items() if set(names) & set(installed)]
    return next(iter(difflib.get_close_matches(program, programs, 1, 0.8)), "")
