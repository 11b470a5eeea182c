"""The files of a run that were copied from its remote, and are as they came.

These alone may go here once they are gone there: what was made or changed here is somebody's.
"""

from __future__ import annotations

import json
import os
from typing import Dict, List, Optional, Sequence

from ..protocol import Value
from ..store import atomic, inside, rundir

COPIED = "LOCK.copied"  # JSON: path -> size and time of change (nanoseconds), as it came
_MAX_COPIED = 1 << 28


def note_copied(home: str, files: Dict[str, Sequence[str]]) -> None:
    """Write down in each copy which files have just come from its remote."""
    for run_id, paths in files.items():
        directory = rundir.run_dir(home, run_id)
        if not rundir.is_there(directory):
            continue
        known = _known(directory)
        left: Dict[str, Value] = {}
        for path in paths:
            known.pop(path, None)
            parts = path.split("/")
            if parts[0] in ("", ".guild") or ".." in parts:
                continue
            now = _as_it_is(directory, path)
            if now is not None:
                left[path] = now
        left.update((path, came) for path, came in known.items() if _as_it_is(directory, path))
        guild = rundir.guild_dir(directory)
        if left or inside.exists(guild, COPIED):
            # Not flushed: torn it is none, and then nothing is removed.
            atomic.write_in(guild, COPIED, json.dumps(left), flushed=False)


def copied_files(home: str, ids: Sequence[str]) -> Dict[str, List[str]]:
    """The files of these runs that came from their remote, and were not changed here since."""
    found = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        known = _known(directory)
        found[run_id] = sorted(p for p, came in known.items() if _as_it_is(directory, p) == came)
    return found


def _as_it_is(directory: str, path: str) -> Optional[List[Value]]:
    try:
        status = inside.status(os.path.join(directory, "."), path)
    except ValueError:  # what is no path
        return None
    return [status.st_size, status.st_mtime_ns] if status else None


def _known(directory: str) -> Dict[str, Value]:
    return inside.read_mapping(rundir.guild_dir(directory), COPIED, _MAX_COPIED)
