"""The steps of `scripts/base-images`."""
