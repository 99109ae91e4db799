"""A short campaign with a fixed seed; `scripts/campaign` runs long ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from integration.campaign.play import Campaign, opened

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 7
STEPS = 40
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "campaign"


def test_after_any_step_a_build_gives_the_image_of_a_clean_build(
    buildpack: Path, measured: Callable[[str], None]
) -> None:
    with opened(buildpack, CACHE) as world:
        campaign = Campaign(world, SEED)
        for _ in range(STEPS):
            campaign.step()
        measured(campaign.summary())
