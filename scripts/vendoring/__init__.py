"""Filling a directory with the files that a build without a network needs."""
