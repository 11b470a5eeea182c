"""Times and sizes as people read them."""

from __future__ import annotations

import time

from guild_sync.agent.protocol import Value, lasting, sized


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
    until = f"until nothing has used it for {lasting(idle)}" if idle else "until it is closed"
    return f"since {date(since * 1_000_000)}, {until}"


def span(begun: Value, ended: Value) -> str:
    """How long it is from one time of a run to another; empty where they tell of no such thing."""
    if not isinstance(begun, int) or not isinstance(ended, int) or ended < begun:
        return ""
    return lasting((ended - begun) // 1_000_000)


def counted(count: int) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} run" if count == 1 else f"{count} runs"


def size(count: int) -> str:
    """A number of bytes for people: `812`, `4.9K`, `3.2G`."""
    return sized(count)
