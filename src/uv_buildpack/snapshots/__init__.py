"""Files kept in the cache for the next build: their format, and what is kept when."""
