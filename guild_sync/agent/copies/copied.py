"""The files of a run that were copied from its remote, and are as they came.

These alone may go here once they are gone there: what was made or changed here is somebody's.
"""

from __future__ import annotations

import json
import os
from typing import Dict, Iterable, List, Sequence

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
        for path in paths:
            known.pop(path, None)
        left = _as_they_are(directory, filter(_is_of_run, paths))
        left.update((path, known[path]) for path in _as_they_are(directory, known))
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
        now = _as_they_are(directory, known)
        found[run_id] = sorted(path for path in now if now[path] == known[path])
    return found


def _is_of_run(path: str) -> bool:
    parts = path.split("/")
    return parts[0] not in ("", ".guild") and ".." not in parts


def _as_they_are(directory: str, paths: Iterable[str]) -> Dict[str, Value]:
    """The size and time of change of each of these files that is there."""
    found = inside.statuses(os.path.join(directory, "."), paths)
    return {path: [now.st_size, now.st_mtime_ns] for path, now in found if now}


def _known(directory: str) -> Dict[str, Value]:
    return inside.read_mapping(rundir.guild_dir(directory), COPIED, _MAX_COPIED)
