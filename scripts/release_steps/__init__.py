"""The steps of `scripts/release`."""
