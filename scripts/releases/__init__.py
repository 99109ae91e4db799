"""How `scripts/refresh-releases` turns what uv publishes into the data files of the buildpack."""
