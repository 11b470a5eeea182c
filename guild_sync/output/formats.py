"""Numbers, times and sizes as people read them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from guild_sync.agent.protocol import NOT_FINITE, Value, lasting, moment_of, sized
from guild_sync.output.terminal import clean

_MOST_NAMED = 20
_LONGEST = 1e12  # seconds
_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def number_in(value: Value) -> float | None:
    """The number that a value is, be it none that JSON has; None where it is no number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if isinstance(value, float):
        return value
    return float(value) if isinstance(value, str) and value in NOT_FINITE else None


def finite(value: Value) -> float | None:
    """The number that a value is, where it is one that can be the best, or be drawn."""
    number = number_in(value)
    return number if number is not None and math.isfinite(number) else None


def shown(value: Value) -> str:
    """A value as a person reads it: of a number that is no whole one, six digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return clean(", ".join(map(str, value)))
    return clean(value)


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


def seconds_between(begun: Value, ended: Value) -> float | None:
    """How long it is from one time of a run to another; None where they tell of no such thing."""
    first, last = moment_of(begun), moment_of(ended)
    if first is None or last is None or last < first:
        return None
    return (last - first) / 1e6


def lasted(seconds: float | None) -> str:
    """How long something took: `0.31s`, `42s`, `1h30m`; empty where that is not known.

    A host may say anything: what is no such number is not known either.
    """
    if seconds is None or not 0 <= seconds < _LONGEST:  # nan neither
        return ""
    return lasting(int(seconds) if seconds >= 10 else round(seconds, 1 if seconds >= 1 else 2))


def span(begun: Value, ended: Value) -> str:
    """How long it is from one time of a run to another; empty where they tell of no such thing."""
    return lasted(seconds_between(begun, ended))


def age(seconds: float, units: int = 2) -> str:
    """A length of time in its greatest units, to the second: `2h3m`, `5d4h`, `0s`."""
    left, parts = max(0, int(seconds)), list[str]()
    for unit, length in _UNITS:
        count, left = divmod(left, length)
        if count or parts:
            parts.append(f"{count}{unit}" if count else "")
    return "".join(parts[:units]) or "0s"


def counted(count: int) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} run" if count == 1 else f"{count} runs"


def there_are(asked: str, names: Sequence[str]) -> str:
    """What can be said where no run has what was asked for: what is like it, and what there is.

    Empty where there is nothing.
    """
    if not names:
        return ""
    from guild_sync.config.texts import nearest  # most commands find what they are asked for

    near = nearest(asked, names)
    meant = f"Did you mean {clean(near)!r}? " if near else ""
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{meant}There are {', '.join(map(clean, names[:_MOST_NAMED]))}{more}."


def size(count: int) -> str:
    """A number of bytes for people: `812`, `4.9K`, `3.2G`."""
    return sized(count)
