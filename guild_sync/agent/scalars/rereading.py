"""The output of a run, read for its scalars once more, where its runner has not kept them.

So of runs of earlier versions and of Guild AI, and of one whose runner was killed, or had no room.
"""

from __future__ import annotations

import os
import time
from typing import Dict, List

from ..errors import AgentError
from ..protocol import Value
from ..store import inside, job, rundir
from . import derived, patience, patterns
from .derived import OUTPUT
from .reading import ScalarReader
from .series import ScalarsFound

_PIECE = 1 << 16
# Of one output: what is beyond is left out, but for its end.
_MOST_READ = 1 << 26
_TAIL = 1 << 20
# Seconds in which a process reads outputs, of each minute: those that are left have none yet.
_MOST_TIME = 10.0
_WINDOW = 60.0
_spent: List[float] = [0.0, 0.0]  # since when, how many seconds


def read(directory: str, is_cut: bool) -> None:
    """Have what the output of a run tells be known, unless that would take too long for now.

    `is_cut`: its runner did not come to an end, so that the last line may be a part of one.
    """
    stamp = derived.stamp_of(directory, OUTPUT)
    if not stamp or stamp.startswith("0 ") or derived.has_read(directory, OUTPUT, stamp):
        return
    asked = _asked(directory)
    if asked.patterns and not patience.is_bounded():
        return
    begun = time.monotonic()
    if begun - _spent[0] > _WINDOW:
        _spent[:] = [begun, 0.0]
    left = _MOST_TIME - _spent[1]
    if left <= 0:
        return
    found = ScalarsFound()
    is_partial = False
    if not asked.is_empty:
        try:
            reader = ScalarReader(asked)
            at = _read_file(directory, reader, found, begun + left)
            if not is_cut:
                found.add(reader.rest(), at)
            is_partial = reader.is_partial
        except OSError:
            return
    _spent[1] += time.monotonic() - begun
    derived.keep(directory, {OUTPUT: derived.Reading(stamp, found.series, is_partial)})


def _read_file(directory: str, reader: ScalarReader, found: ScalarsFound, until: float) -> int:
    """Read an output, or as much of it as there is time for, and its end; when it was written."""
    with os.fdopen(inside.open_file(directory, OUTPUT), "rb", buffering=0) as f:
        status = os.fstat(f.fileno())
        # Nobody has noted when a line came: it was not after this.
        at = status.st_mtime_ns // 1000
        done = 0
        is_left_out = False
        while done < status.st_size:
            is_far = done > _MOST_READ or time.monotonic() > until
            if is_far and not is_left_out and status.st_size - done > _TAIL:
                is_left_out = True
                done = f.seek(status.st_size - _TAIL)
                reader.skip()
            data = f.read(min(_PIECE, status.st_size - done))
            if not data:
                reader.skip()  # another has cut it meanwhile
                break
            done += len(data)
            found.add(reader.feed(data), at)
    return at


def _asked(directory: str) -> patterns.OutputSpec:
    """What is looked for: what guild.yml said when the run was made."""
    if rundir.opref(directory)["name"].endswith(rundir.OF_BATCH):
        return patterns.OutputSpec()
    operation: Dict[str, Value] = {}
    if inside.exists(rundir.guild_dir(directory), job.JOB):
        try:
            read_job = job.read_job(directory)
        except (AgentError, OSError):
            return patterns.OutputSpec()
        if read_job.get("builtin"):  # what others print
            return patterns.OutputSpec()
        operation = read_job.get("operation") or {}
        return patterns.scalars_asked(patterns.spec_in(operation, "output-scalars"))
    # Guild AI keeps what it makes of an operation as an attribute.
    of_guild_ai = rundir.read_attr(directory, "op")
    said = of_guild_ai.get("output-scalars") if isinstance(of_guild_ai, dict) else None
    return patterns.scalars_asked(said)
