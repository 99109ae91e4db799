"""The buildpack for Python projects that are managed with uv."""
