"""What lies in an environment: distributions, files that several of them have, heavy packages."""
