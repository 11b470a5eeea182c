"""The beginning and the end of what a run has printed, however much that is."""

from __future__ import annotations

import os

from ..errors import AgentError
from ..protocol import OutputEnds
from ..store import rundir
from .reading import open_file

_MOST = 1 << 20  # bytes of either that are read


def output_ends(home: str, run_id: str, first: int, last: int) -> OutputEnds:
    """The first and the last bytes of the output of a run's last attempt, so many at most.

    Where nothing was printed, or it cannot be read, all are empty.
    """
    first, last = (max(0, min(count, _MOST)) for count in (first, last))
    try:
        file = open_file(home, run_id, ".guild/%s" % rundir.OUTPUT)
    except AgentError:
        return {"first": "", "last": "", "left_out": 0, "bytes": 0}
    with file:
        size = os.fstat(file.fileno()).st_size
        left_out = max(0, size - first - last)
        begin = file.read(first + last if not left_out else first)
        end = b""
        if left_out:
            file.seek(first + left_out)
            end = file.read(last)
    return {
        "first": begin.decode("utf-8", "replace"),
        "last": end.decode("utf-8", "replace"),
        "left_out": left_out,
        "bytes": size,
    }
