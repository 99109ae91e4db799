"""The command line of `scripts/campaign`."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from integration.campaign.damage import kill
from integration.campaign.play import Campaign, Failed, opened
from integration.campaign.steps import draw

from trial.prerequisites import find_interpreters, package

if TYPE_CHECKING:
    from random import Random

    from integration.campaign.steps import Step

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".cache" / "campaign"
_DESCRIPTION = """\
Random steps from a seed; after each, the image must equal that of a clean build, byte for byte.
A failing seed is printed, and replays: the same --seed gives the same steps (but for the moment of each kill).
"""


_SHOWN = 12  # lines of a failure when others may follow


def main() -> int:
    """Run a campaign and return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="default: a random one")
    parser.add_argument("--steps", type=int, default=300, help="default: %(default)s")
    parser.add_argument("--kills", action="store_true", help="each step is an edit and a build that is killed")
    parser.add_argument("--buildpack", type=Path, help="a packaged buildpack (default: package this checkout)")
    parser.add_argument("--go-on", action="store_true", help="count failures instead of stopping at the first")
    parser.add_argument("--log", type=Path, help="directory for the logs of failures")
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    with tempfile.TemporaryDirectory(prefix="campaign-dist-") as scratch:
        buildpack = arguments.buildpack
        if buildpack is None:
            buildpack = package(find_interpreters({}, REPOSITORY / ".cache", print), Path(scratch))
        with opened(buildpack, CACHE) as world:
            campaign = Campaign(world, seed, say=_say, draw=_kills if arguments.kills else draw)
            return _play(campaign, arguments)


def _kills(_: Random) -> tuple[Step, ...]:
    return (kill,)


def _play(campaign: Campaign, arguments: argparse.Namespace) -> int:
    failures = 0
    while campaign.number < arguments.steps:
        try:
            campaign.step()
        except Failed as failed:
            failures += 1
            _say("\n".join(str(failed).splitlines()[: _SHOWN if arguments.go_on else None]))
            if arguments.log:
                arguments.log.mkdir(parents=True, exist_ok=True)
                path = arguments.log / f"seed-{campaign.seed}-step-{campaign.number}.log"
                path.write_text(str(failed), encoding="utf-8")
            if not arguments.go_on:
                return 1
    _say(f"{campaign.summary()}; {failures} failures")
    return 1 if failures else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
