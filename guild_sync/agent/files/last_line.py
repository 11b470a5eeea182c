"""The last line that a run has printed, as a person would read it there."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from ..protocol import ESCAPES
from ..store import inside, rundir

_TAIL = 1 << 13  # bytes of an output's end that are read
_LONGEST = 400  # characters of a line that are told


class LastLine(NamedTuple):
    """The last line that is not blank, and when the output was last written to (microseconds)."""

    text: str
    at: int


NOTHING = LastLine("", 0)


def last_line(directory: str) -> LastLine:
    """The last line of a run's output; an empty one where there is none.

    Of a line that was drawn over, what was to be seen last; of one that is longer than anybody
    reads, its end.
    """
    try:
        output = os.fdopen(inside.open_file(rundir.guild_dir(directory), rundir.OUTPUT), "rb")
    except OSError:
        return NOTHING
    with output:
        seen = os.fstat(output.fileno())
        output.seek(max(0, seen.st_size - _TAIL))
        text = output.read(_TAIL).decode("utf-8", "replace")
    return LastLine(_last(text), seen.st_mtime_ns // 1000)


def _last(text: str) -> str:
    for line in reversed(re.split(r"[\r\n]", text)):
        plain = re.sub(ESCAPES, "", line).strip()
        if plain:
            return plain if len(plain) <= _LONGEST else "…" + plain[1 - _LONGEST :]
    return ""
