"""Hostile input from a fixed seed; `scripts/fuzz` runs any number from any seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from integration.fuzz.campaign import fuzz

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = 11
INPUTS = 2000
_MEGABYTES = 500


def test_no_input_ends_with_a_traceback_hangs_or_takes_much_memory(measured: Callable[[str], None]) -> None:
    report = fuzz(SEED, INPUTS)
    measured(str(report))
    assert not report.crashes, [(crash["number"], crash["said"][-1500:]) for crash in report.crashes[:3]]
    assert report.peak < _MEGABYTES
