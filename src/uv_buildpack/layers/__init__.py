"""One module per layer: its key, its types, and the function that contributes it."""
