"""What a host has for runs, and which run has what of it."""
