"""The command line of `scripts/fuzz`."""

from __future__ import annotations

import argparse
import os
import secrets
import sys

from integration.fuzz.campaign import fuzz

_DESCRIPTION = """\
Hostile input from a seed, over detection, everything that a build decides before it acts, and what a cache gives
back. No input may end with a traceback, hang, or take much memory. --seed and --first replay one.
"""
_SHOWN_LINES = 12


def main() -> int:
    """Run inputs and return the exit code."""
    parser = argparse.ArgumentParser(description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, help="default: a random one")
    parser.add_argument("--inputs", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--first", type=int, default=0, help="number of the first input (default: 0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="default: %(default)s")
    given = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    report = fuzz(seed, given.inputs, first=given.first, processes=given.processes)
    for same in report.kinds():
        crash = same[0]
        sys.stdout.write(f"--seed {seed} --first {crash['number']} --inputs 1: {crash['phase']}, {crash['changes']}\n")
        lines = crash["said"].rstrip().splitlines()[-_SHOWN_LINES:]
        sys.stdout.write("".join(f"    {line}\n" for line in lines) + f"    ({len(same)} times)\n")
    sys.stdout.write(f"{report}\n")
    return 1 if report.crashes else 0
