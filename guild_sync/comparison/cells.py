"""What runs have in a column: in its order, and as a file gets it that a program reads."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guild_sync.agent.protocol import Value
from guild_sync.output.formats import finite, number_in, shown
from guild_sync.output.terminal import clean

_EXACT = 2**53  # below it a float that is whole is that number


def ordered(values: Sequence[Value], descending: bool = False) -> list[int]:
    """The places of the values in their order: numbers, words, what is no number, then nothing.

    So what is not there, and what is `nan` or `inf`, comes last, either way. Equal ones stay as
    they are.
    """
    places = range(len(values))
    numbers = {at: number for at in places if (number := finite(values[at])) is not None}
    words = {
        at: shown(value).casefold()
        for at, value in enumerate(values)
        if number_in(value) is None and value not in (None, "")
    }
    known = sorted(numbers, key=numbers.__getitem__, reverse=descending)
    known += sorted(words, key=words.__getitem__, reverse=descending)
    infinite = [at for at in places if at not in numbers and number_in(values[at]) is not None]
    others = {*known, *infinite}
    return [*known, *infinite, *(at for at in places if at not in others)]


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
