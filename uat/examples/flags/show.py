"""Prints the configuration that was written for it."""

from pathlib import Path

print(Path("settings.yml").read_text(), end="")
