"""What a project says: its files, its lock, and what follows from them."""
