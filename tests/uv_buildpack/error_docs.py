"""`docs/errors.md`: its entries, and the texts that the buildpack really prints, to compare and to write."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from tests.uv_buildpack.bad_input import PRODUCERS

from cnb.context import read_buildpack
from uv_buildpack import log
from uv_buildpack.errors import Problem, Problems, WorkFailed, page

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPOSITORY = Path(__file__).parents[2]
DOCUMENT = _REPOSITORY / "docs" / "errors.md"
_ABOUT = read_buildpack(_REPOSITORY)
PAGE = page(_ABOUT.homepage, _ABOUT.version)
"""The address of the page in the release that this checkout becomes."""

_ENTRY = re.compile(r"^## (?P<anchor>[a-z-]+)\n(?P<body>.*?)(?=^## |^# |\Z)", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"(?<=^```text\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def classes(base: type[Problem] = Problem) -> Iterator[type[Problem]]:
    """Return all classes of problems that are raised."""
    for kind in base.__subclasses__():
        if kind is not WorkFailed:
            yield kind
        yield from classes(kind)


def anchor(kind: type[Problem]) -> str:
    """Return the heading of a class's entry."""
    return kind.__new__(kind).anchor


def produced(kind: type[Problem]) -> str:
    """Return the bad input of a class to the buildpack, and what it prints. Raises `AssertionError`: something else."""
    with tempfile.TemporaryDirectory() as directory:
        problems = _problems(kind, Path(directory))
        assert [type(problem) for problem in problems] == [kind], [problem.what for problem in problems]
        return (
            "".join(map(_printed, problems))
            .lstrip("\n")
            .replace(f"{directory}/app", "/workspace")
            .replace(directory, "")
        )


def entries(text: str) -> dict[str, str]:
    """Return heading → body of the entries of the document."""
    return {match["anchor"]: match["body"] for match in _ENTRY.finditer(text)}


def refreshed(text: str) -> str:
    """Return the document with the texts that the buildpack prints now."""
    printed = {anchor(kind): produced(kind) for kind in classes()}

    def entry(match: re.Match[str]) -> str:
        return _EXAMPLE.sub(lambda _: printed[match["anchor"]], match.group())

    return _ENTRY.sub(entry, text)


def _problems(kind: type[Problem], root: Path) -> tuple[Problem, ...]:
    with structlog.testing.capture_logs():
        try:
            PRODUCERS[kind](root)
        except Problem as problem:
            return (problem,)
        except Problems as problems:
            return problems.problems
    return ()


def _printed(problem: Problem) -> str:
    stream = io.StringIO()
    log.configure(stream)
    try:
        log.error(problem.what, problem.facts, problem.advice, f"{PAGE}#{problem.anchor}")
    finally:
        structlog.reset_defaults()
    return stream.getvalue()
