"""Lengths of time as people write them: `30s`, `2m`, `1h30m`, `0.3s`, `4:00:00`, or seconds."""

from __future__ import annotations

import math
import re

A_TIME = "a time such as 30s, 2m, 12h or 4:00:00"
_LONGEST = 365 * 86400  # seconds
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_NUMBER = r"[0-9]{1,8}(?:\.[0-9]{1,8})?"
_WORDS = re.compile("".join(f"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNITS) + r"\Z")
# Not with two numbers: people mean hours by it, or minutes, as Slurm does.
_CLOCK = re.compile(
    r"(?:(?P<d>[0-9]{1,3})-)?(?P<h>[0-9]{1,4}):(?P<m>[0-5][0-9]):(?P<s>[0-5][0-9])\Z"
)


def seconds_of(value: str | float) -> float | None:
    """The seconds that a value of a file, or a word, stands for, a year at most; None: none."""
    if isinstance(value, str) and value:
        match = _WORDS.match(value) or _CLOCK.match(value)
        if match:
            value = math.fsum(float(match[unit] or 0) * each for unit, each in _UNITS.items())
        elif re.fullmatch(_NUMBER, value):
            value = float(value)
    if isinstance(value, (bool, str)):
        return None
    return float(value) if 0 <= value <= _LONGEST else None
