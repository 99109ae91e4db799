"""The steps of `scripts/check-release`."""
