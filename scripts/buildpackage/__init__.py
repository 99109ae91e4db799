"""The steps of `scripts/package`: from a CPython archive, wheels and `src` to a buildpack directory and a .cnb file."""
