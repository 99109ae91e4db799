"""Hostile input from a seed: whatever a project, a platform, a binding or a cache can contain, and no traceback."""
