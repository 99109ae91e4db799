"""The steps of `scripts/docs`."""
