"""Output, read for scalars as it comes: `loss: 0.25`, `loss: 0.25 (step 5)`."""

from __future__ import annotations

import re
from typing import Iterator, NamedTuple, Optional

_NUMBER = rb"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?(?:nan|inf)"
_LINE = re.compile(
    rb"^(?P<key>[^\s:][^\s:]*):[ \t]+(?P<value>"
    + _NUMBER
    + rb")(?:[ \t]+\(step[ \t]+(?P<step>[0-9]{1,18})\))?[ \t]*$",
    re.M,
)
MOST_OF_A_LINE = 4096  # bytes; of what is longer the rest is not looked at


class Seen(NamedTuple):
    """A number that was printed; no step: none was printed with it."""

    name: str
    value: float
    step: Optional[int]


class ScalarReader:
    """Scalars of an output that comes in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Seen]:
        """The scalars of the lines that `data` ends."""
        whole, end, rest = (self._rest + data).rpartition(b"\n")
        self._rest = rest[:MOST_OF_A_LINE]
        return self._found(whole + end)

    def rest(self) -> Iterator[Seen]:
        """The scalars of a last line that nothing ends."""
        return self._found(self._rest)

    def _found(self, text: bytes) -> Iterator[Seen]:
        for found in _LINE.finditer(text):
            key, value, step = found.groups()
            yield Seen(key.decode("utf-8", "replace"), float(value), int(step) if step else None)
