"""Times and sizes as people read them."""

from __future__ import annotations

import time


def date(microseconds: object) -> str:
    """Local time, to the second, of a run's time; empty where there is none."""
    if not isinstance(microseconds, int):
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(microseconds // 1_000_000))
    except (OverflowError, ValueError, OSError):
        return "?"


def size(count: int) -> str:
    """A number of bytes for people: `812`, `4.9K`, `3.2G` (powers of 1024)."""
    number = float(count)
    for unit in ("", "K", "M", "G", "T"):
        if number < 1023.95:
            return f"{number:.1f}{unit}" if unit else str(count)
        number /= 1024
    return f"{number:.1f}P"
