"""The error catalogue: everything a user can be told to mend, in one place.

Each class is named for what happened, holds the facts, and says three things: what happened, what to do, where to read
more (`docs/errors.md`, under the class's name in kebab case).
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Problem(Exception):
    """Something the reader can mend. `facts` and `advice` are lines."""

    def __init__(self, *, what: str, facts: Sequence[str] = (), advice: Sequence[str] = ()) -> None:
        """Say what happened, in one sentence."""
        super().__init__(what)
        self.what = what
        self.facts = tuple(facts)
        self.advice = tuple(advice)

    @property
    def anchor(self) -> str:
        """The heading in `docs/errors.md`."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(self).__name__).lower()


class Problems(Exception):  # noqa: N818 (several problems are not an "Error")
    """All that was found wrong, to be reported together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Hold at least one problem."""
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = tuple(problems)


class Collector:
    """Collects problems, so that all of them are said before anything is done."""

    def __init__(self) -> None:
        """Start with none."""
        self.problems: list[Problem] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Remember a `Problem` or `Problems` raised inside, and go on after the block."""
        try:
            yield
        except Problem as problem:
            self.problems.append(problem)
        except Problems as problems:
            self.problems.extend(problems.problems)

    def raise_if_any(self) -> None:
        """Raise `Problems` if something was collected."""
        if self.problems:
            raise Problems(self.problems)
