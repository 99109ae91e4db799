"""What came of collecting static files, and what it depended on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnb.documents import json_table
from uv_buildpack import log
from uv_buildpack.errors import (
    CollectstaticFailed,
    CollectstaticImpossible,
    DjangoSettingsNotImportable,
    StaticRootInvalid,
)
from uv_buildpack.project import tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uv_buildpack.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer of `data/collect_static.py`, and the digest of what it depended on in the app."""

    outcome: str
    root: str = ""
    """Where the files are, relative to the app directory; for `outside` an absolute path."""
    storage: str = ""
    """The storage that writes elsewhere."""
    error: str = ""
    place: str = ""
    traceback: str = ""
    reads: tuple[str, ...] = ()
    """Files of the app that were opened."""
    traceable: bool = True
    """Whether `reads` are all that the outcome depended on."""
    inputs: str = ""

    @property
    def collected(self) -> str:
        """The directory in the app that has the static files; empty where nothing was collected."""
        return self.root if self.outcome == "collected" else ""


def read_outcome(content: bytes) -> Outcome:
    """Read an answer, or what is kept of one; code of the app may have written either. Raises `DocumentError`."""
    table = json_table(content, "the answer of collectstatic")
    return Outcome(
        outcome=table.text("outcome"),
        root=table.optional_text("root") or "",
        storage=table.optional_text("storage") or "",
        error=table.optional_text("error") or "",
        place=table.optional_text("place") or "",
        traceback=table.optional_text("traceback") or "",
        reads=tuple(path for path in table.texts("reads") if "__pycache__" not in Path(path).parts),
        traceable=table.optional_boolean("traceable") is not False,
        inputs=table.optional_text("inputs") or "",
    )


def names(app_dir: Path) -> list[str]:
    """Return the names of all files of an app. Raises `OSError`."""
    return [os.path.relpath(path, app_dir) for path in tree.source_files(app_dir)]


def inputs(app_dir: Path, present: Sequence[str], reads: Sequence[str]) -> str:
    """Return the digest of the names of an app's files and of the contents of those that were read. Raises `OSError`.

    A file that was looked for and not found counts by its name: it is not among `present`.
    """
    known = set(present)
    return tree.digest_of(app_dir, [app_dir / path for path in reads if path in known], present)


def check(outcome: Outcome, *, required: bool) -> None:
    """Log the outcome. Raises `Problem` where files could not be collected that are wanted for certain."""
    if outcome.outcome == "failed":
        raise CollectstaticFailed(outcome.place, outcome.error, outcome.traceback)
    if outcome.outcome == "elsewhere":
        done = "collected there" if required else "not collected, unless BP_DJANGO_COLLECTSTATIC=true"
        log.step(f"the storage {outcome.storage} keeps static files outside of the image: {done}")
        return
    problem = _problem(outcome)
    if problem is None:
        return
    if required:
        raise problem
    if outcome.outcome in {"not-enabled", "no-root"}:
        log.step(f"not collected: {problem.facts[0]}")
    else:
        log.warning(f"{problem.what} The image has no static files.", *problem.facts, *problem.advice)


def _problem(outcome: Outcome) -> Problem | None:
    match outcome.outcome:
        case "unimportable":
            return DjangoSettingsNotImportable(outcome.place, outcome.error)
        case "not-enabled":
            return CollectstaticImpossible(
                "django.contrib.staticfiles is not in INSTALLED_APPS", "Add it to INSTALLED_APPS in the settings."
            )
        case "no-root":
            return StaticRootInvalid("STATIC_ROOT is not set")
        case "outside":
            return StaticRootInvalid(
                f"STATIC_ROOT is {outcome.root}, which is not inside the app directory, so it is not in the image"
            )
        case _:
            return None
