"""Runs with event files that were not read yet: looked for in each folder, unless there are none.

That a run has none is remembered for as long as none of its folders has changed, as a file that
comes changes its folder.
"""

from __future__ import annotations

import json
import os
import stat as modes
from typing import Dict, List, Optional, Sequence

from ..errors import refuse_exhaustion
from ..protocol import MANY_RUNS, RunId
from ..scalars import derived
from ..store import rundir
from . import remembered
from .remembered import Form, Moment

_LONGEST = 1 << 12  # characters of the paths of all folders of a run
_FOLDERS = 0


def unnoted(home: str, ids: Optional[Sequence[RunId]] = None) -> Dict[str, Dict[str, str]]:
    """By run, its event files that were not read as they are now: path in the run, and stamp.

    With each go the others of its folder, as all of a folder are one series. Runs without such
    files are left out. Without `ids` all runs are looked at.
    """
    ids = rundir.names(rundir.runs_dir(home)) if ids is None else ids
    now = remembered.moment(home) if len(ids) >= MANY_RUNS else None
    known = None if now is None else _Eventless(home, now)
    found: Dict[str, Dict[str, str]] = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        if known is not None and known.has(run_id, directory):
            continue
        files = derived.event_files(directory)
        new = derived.unnoted_of(directory, files)
        if new:
            found[run_id] = new
        if known is not None and not files.stamps:
            known.note(run_id, directory, files.folders)
    if known is not None:
        known.keep(len(ids))
    return found


def form() -> Form:
    """What is remembered of a run: its folders, and a number that tells how they were."""
    return Form("i", {}, texts=(_FOLDERS,), order=-1, longest=_LONGEST)


class _Eventless:
    """The runs that are known to have no event file."""

    def __init__(self, home: str, now: Moment) -> None:
        self._home = home
        self._now = now
        self._settled = remembered.settled()
        self._table = remembered.read(home, now, form(), remembered.EVENTLESS)
        self._folders: Dict[int, List[str]] = {}  # by place among the table's texts
        self._news = 0

    def has(self, run_id: str, directory: str) -> bool:
        """Whether that is one of them, and no folder of it has changed since."""
        row = self._table.rows.get(run_id, -1)
        place = self._table.values[_FOLDERS][row] if row >= 0 else 0
        if not place:
            return False
        if place not in self._folders:
            folders = remembered.names_in(self._table.texts[place])
            if folders is None:
                return False
            self._folders[place] = folders
        known = self._table.changes[_FOLDERS][row]
        return self._sum(directory, self._folders[place], None) == known

    def note(self, run_id: str, directory: str, folders: List[str]) -> None:
        """Remember that one has none in these folders, unless they may be changing."""
        place = self._table.place_of(json.dumps(folders)) if folders else None
        found = self._sum(directory, folders, self._settled) if place else None
        if place and found is not None:
            row = self._table.row_of(run_id)
            self._table.values[_FOLDERS][row] = place
            self._table.changes[_FOLDERS][row] = found
            self._news += 1

    def _sum(self, directory: str, folders: List[str], until: Optional[int]) -> Optional[int]:
        """A number that tells how the folders are; None where one is gone, or has changed since."""
        parts: List[int] = []
        for folder in folders:
            try:
                seen = os.lstat(directory if folder == "." else directory + "/" + folder)
            except OSError as e:
                refuse_exhaustion(e)
                return None
            except ValueError:  # no folder has such a name
                return None
            if seen.st_dev != self._now.device or (folder == "." and not _is_folder(seen)):
                return None
            if until is not None and seen.st_ctime_ns >= until:
                return None
            parts += (seen.st_ino, seen.st_ctime_ns, seen.st_mode)
        return hash(tuple(parts))

    def keep(self, count: int) -> None:
        """Keep what was found, where that is worth it for so many runs."""
        if self._news > count // 100:
            now = remembered.still(self._home, self._now)
            if now is not None:
                present = {*rundir.names(rundir.runs_dir(self._home))}
                remembered.write(self._home, now, self._table, present, remembered.EVENTLESS)


def _is_folder(seen: os.stat_result) -> bool:
    return modes.S_ISDIR(seen.st_mode)
