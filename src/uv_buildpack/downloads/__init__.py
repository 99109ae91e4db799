"""Files from elsewhere: addresses, downloads, archives."""
