"""Django's static files: collected in the build, by the application's own interpreter and settings."""
