"""What is measured, and of whom: the names in the results."""

APPS = ("small", "F", "large")
OURS, BASELINE, FLOOR = "uv-buildpack", "baseline", "floor"
COLD, HOT, EDIT, CHANGED, ADDED, REMOVED, DEVELOPMENT, PATCH, TAG, PACKAGED = CASES = (
    "cold", "hot", "source edit", "one dependency changed", "one dependency added", "one dependency removed",
    "a dev dependency changed", "Python patch changed", "new tag", "source edit, packaged",
)  # fmt: skip
START = "start-up"
ALONE = "parts"
"""The parts of a cold build, each alone: nobody's in particular."""
UNPACK, LIBRARY, SYNC, COMPILE = PARTS = ("unpack", "standard library", "sync", "compile")
MEASUREMENTS = (*CASES, START, ALONE)
