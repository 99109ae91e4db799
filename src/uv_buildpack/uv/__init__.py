"""Running uv: how, with which variables, and what its failures mean."""
