"""Workers: what takes jobs from a queue, and bots."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from uv_buildpack.processes.inference.facts import AppFacts, InferredProcess
from uv_buildpack.processes.inference.queues import QUEUES
from uv_buildpack.processes.inference.serving import active, asked_for
from uv_buildpack.processes.inference.starters import BOTS, Programs, Starter
from uv_buildpack.processes.inference.ui import Program, find_programs
from uv_buildpack.processes.inference.worker_search import Search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from uv_buildpack.processes.inference.django import DjangoProject
    from uv_buildpack.processes.inference.sources import Sources


BOT = "bot"
"""The type of a bot whose project has a worker for its queue as well; else the bot is the worker."""


class Workers(NamedTuple):
    """The worker processes, what was considered, and the programs behind bots."""

    processes: tuple[InferredProcess, ...]
    considered: tuple[str, ...]
    bots: tuple[Program, ...]


def find_workers(app: AppFacts, sources: Sources, projects: Sequence[DjangoProject]) -> Workers:
    """Return the workers of the project. Of several for one process type none is certain."""
    search = Search(app, sources, projects, [])
    found: list[InferredProcess] = []
    bots: list[Program] = []
    for distributions, find in QUEUES:
        if app.direct.intersection(distributions):
            found += find(search)
    taken = {process.type for process in found}
    for starter in active(app, BOTS):
        processes, programs = _bot(search, starter)
        found += [one._replace(type=BOT) for one in processes] if starter.type in taken else processes
        bots += programs
    types = [process.type for process in found]
    several = {kind for kind in types if types.count(kind) > 1}
    considered = [
        *search.considered,
        *(f"{one.evidence[0]}, one of several for `{one.type}`: {one.command}" for one in found if one.type in several),
    ]
    certain = tuple(process for process in found if process.type not in several)
    return Workers(certain, tuple(considered), tuple(bots))


def _bot(search: Search, starter: Starter) -> tuple[list[InferredProcess], list[Program]]:
    assert isinstance(starter.looks_for, Programs)  # noqa: S101 (all rows of BOTS are)
    programs = find_programs(search.app, search.sources, starter.looks_for)
    version = search.version(asked_for(search.app, starter))
    processes = [
        InferredProcess(
            type=starter.type,
            command=program.command(search.app, search.sources),
            evidence=(f"{program.evidence}: a {starter.name}", version),
        )
        for program in programs
    ]
    if not processes:
        search.considered.append(f"no program of the project starts the {starter.name}")
    return processes, programs
