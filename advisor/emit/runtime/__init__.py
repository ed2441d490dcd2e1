"""Code that is copied into users' repositories; it imports nothing of dynadvise."""
