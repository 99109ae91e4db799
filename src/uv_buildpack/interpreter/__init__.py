"""CPython: which one is asked for, which builds there are, and how an archive is moved to its place."""
