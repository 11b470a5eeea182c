"""One module a command: its usage, which docopt reads, and main(argv)."""
