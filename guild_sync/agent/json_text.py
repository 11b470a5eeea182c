"""JSON of another's making, read where its values take memory in proportion to its text."""

from __future__ import annotations

import json
from typing import Any

# `[]` is 2 characters, and 64 bytes in memory: a text of 40 MB could take more than a gigabyte.
_TIMES = 9  # of its text, that its values may take
_ALWAYS = 1 << 26  # bytes that they may take of any text
# What each of these brings with it, in bytes: at most, but for mappings of many keys.
_COST = {"{": 184, "[": 88, ",": 36, '"': 12}


class TooMuch(ValueError):
    """The values of a text would take too much memory."""


def read(text: bytes) -> Any:
    """The value that a text stands for. Raises ValueError where there is none, TooMuch where it
    would take too much memory."""
    found = text.decode("utf-8", "surrogatepass")
    # One character beyond ASCII may make each of them take four bytes, in a copy too.
    cost = len(found) if found.isascii() else 8 * len(found)
    cost += sum(each * found.count(mark) for mark, each in _COST.items())
    if cost > _TIMES * len(found) + _ALWAYS:
        raise TooMuch("its values would take too much memory")
    try:
        return json.loads(found)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
