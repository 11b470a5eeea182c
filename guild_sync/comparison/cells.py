"""What a run has in a column: as a value that is sorted, as a person reads it, and as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from guild_sync.agent.protocol import NOT_FINITE, Value, lasting
from guild_sync.output.cells import shown
from guild_sync.output.terminal import clean

_EXACT = 2**53  # below it a float that is whole is that number


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
    """The number that a value is, where it is one that can be the best."""
    number = number_in(value)
    return number if number is not None and math.isfinite(number) else None


def ordered(values: Sequence[Value], descending: bool = False) -> list[int]:
    """The places of the values in their order: numbers, words, what is no number, then nothing.

    So what is not there, and what is `nan` or `inf`, comes last, either way. Equal ones stay as
    they are.
    """
    places = range(len(values))
    numbers = {at: number for at in places if (number := finite(values[at])) is not None}
    words = {
        at: read(value).casefold()
        for at, value in enumerate(values)
        if number_in(value) is None and value not in (None, "")
    }
    known = sorted(numbers, key=numbers.__getitem__, reverse=descending)
    known += sorted(words, key=words.__getitem__, reverse=descending)
    infinite = [at for at in places if at not in numbers and number_in(values[at]) is not None]
    others = {*known, *infinite}
    return [*known, *infinite, *(at for at in places if at not in others)]


def read(value: Value) -> str:
    """A value as a person reads it: a number in six digits, nothing where there is none."""
    return shown(value)


def span(seconds: float) -> str:
    """How long a run took, as a person reads it: `1h30m`, `0.1s`."""
    return lasting(round(seconds, 1) if seconds < 10 else int(seconds))


def exact(value: Value) -> str | int | float:
    """A value as it is, for a file that a program reads: a number as a number, else text."""
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
        return int(value) if is_whole else value
    return clean(value if isinstance(value, str) else shown(value))


def guarded(value: str | int | float) -> str | int | float:
    """What a spreadsheet shows as it is: text that it would take for a formula gets a `'` in front.

    Text that is a number, such as `-0.5`, is none of these.
    """
    if isinstance(value, str) and re.match(r"\s*[=+\-@|]", value) and not _is_number(value):
        return f"'{value}"
    return value


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|-inf", text))
