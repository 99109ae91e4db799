"""The benchmark: two buildpacks on one platform, side by side in one run."""
