"""Playing a campaign: draw steps, take them, compare."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from integration.campaign import interpreters, packages
from integration.campaign.application import Tools, create
from integration.campaign.edits import NotNow
from integration.campaign.index import serving
from integration.campaign.steps import draw
from integration.campaign.world import Broken, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from integration.campaign.steps import Step


class Failed(Exception):
    """A claim did not hold: the seed and the step to replay, and what differed."""


@contextlib.contextmanager
def opened(buildpack: Path, cache: Path) -> Iterator[World]:
    """Make the world of a campaign in a temporary directory that every user can reach."""
    supply = interpreters.supply(cache / "interpreters")
    with tempfile.TemporaryDirectory(prefix="campaign-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        root = Path(name)
        root.chmod(0o755)
        shutil.copytree(buildpack, root / "buildpack", symlinks=True)
        shutil.copytree(supply.directory, root / "interpreters")
        distributions = packages.everything(supply.minors)
        with serving(distributions) as index:
            tools = Tools(
                uv=root / "buildpack" / "uv" / "uv", python=Path(sys.executable), cache=root / "uv-cache", index=index
            )
            yield World(
                root=root,
                buildpack=root / "buildpack",
                interpreters=replace(supply, directory=root / "interpreters"),
                application=create(root / "application", tools, min(supply.minors, key=_numbers)),
                distributions=distributions,
            )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@dataclass(slots=True)
class Campaign:
    """A campaign: `number` is that of the last step, from 1."""

    world: World
    seed: int
    say: Callable[[str], object] = print
    draw: Callable[[Random], Sequence[Step]] = draw
    number: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    started: float = field(default_factory=time.monotonic)
    history: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Take a step and compare. Raises Failed."""
        self.number += 1
        # Of its own seed: what one step draws does not move the others.
        random = Random(f"{self.seed} {self.number}")  # noqa: S311 (replays)
        began = time.monotonic()
        described: list[str] = []
        try:
            self._take(random, described)
            outcome = self.world.check()
        except Broken as broken:
            self._note(described, began, "FAILED")
            replay = f"scripts/campaign --seed {self.seed} --steps {self.number}"
            lines = "\n".join(self.history)
            raise Failed(
                f"step {self.number} of seed {self.seed} ({replay}):\n{broken}\n--- steps ---\n{lines}"
            ) from None
        finally:
            self.world.settle()
        states = " ".join(
            f"{name.partition(':')[2]}={row.state.split()[-1][:5]}"
            for name, row in outcome.layers.items()
            if ":" in name
        )
        self._note(described, began, states if outcome.code == 0 else f"both fail with {outcome.code}")

    def _take(self, random: Random, described: list[str]) -> None:
        while not described:
            for step in self.draw(random):
                saved = self.world.application.saved()
                try:
                    described.append(step(self.world, random))
                    self.taken[step.__name__.strip("_")] += 1
                except NotNow:
                    self.world.application.restore(saved)

    def _note(self, described: list[str], began: float, outcome: str) -> None:
        line = f"{self.number:4} {time.monotonic() - began:5.1f} s  {'; '.join(described)}: {outcome}"
        self.history.append(line)
        self.say(line)

    def summary(self) -> str:
        """Return how much was done."""
        seconds = time.monotonic() - self.started
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(self.taken.items()))
        return (
            f"seed {self.seed}: {self.number} steps in {seconds:.0f} s, {len(self.world.clean)} clean builds ({kinds})"
        )
