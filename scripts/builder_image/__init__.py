"""The steps of `scripts/builder`."""
