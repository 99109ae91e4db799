"""What the image starts."""
