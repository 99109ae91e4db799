"""The `venv` layer: third-party packages of the lock, made by `uv sync` through `UV_PROJECT_ENVIRONMENT`, compiled."""
