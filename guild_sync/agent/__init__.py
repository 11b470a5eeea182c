"""What works where the runs are, here or on a remote: stdlib only, Python 3.8 or newer."""
