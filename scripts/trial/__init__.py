"""The steps of `scripts/try`."""
