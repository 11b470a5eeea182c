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


def open_since(since: int, idle: int) -> str:
    """Since when a connection is open, and until when: `since 2026-11-26 09:12:30, until ...`."""
    until = f"until nothing has used it for {duration(idle)}" if idle else "until it is closed"
    return f"since {date(since * 1_000_000)}, {until}"


def duration(seconds: int) -> str:
    """A time as the config file has it: `45s`, `10h`, `1h30m`."""
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def counted(count: int) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} run" if count == 1 else f"{count} runs"


def size(count: int) -> str:
    """A number of bytes for people: `812`, `4.9K`, `3.2G` (powers of 1024)."""
    number = float(count)
    for unit in ("", "K", "M", "G", "T"):
        if number < 1023.95:
            return f"{number:.1f}{unit}" if unit else str(count)
        number /= 1024
    return f"{number:.1f}P"
