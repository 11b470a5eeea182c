"""What the operations that are the agent itself print: whole lines, each as it comes."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a line. What a run or its operation is called comes from elsewhere: one it stays."""
    sys.stdout.write("".join(c if c.isprintable() else "?" for c in text) + "\n")
    sys.stdout.flush()
