"""What guild has left for itself here and needs no more: told, and removed."""

from __future__ import annotations

import os
import shutil
import time
from typing import Dict, Iterator, List, Optional, Set, Tuple

from .contents import unused
from .copies import cleaned
from .machine import upkeep
from .protocol import Leaving
from .staging import fetching
from .store import rundir

LOG, AGENT, FETCHED = "log", "agent", "fetched"


def leavings(home: str, before: Optional[float] = None, remove: bool = False) -> List[Leaving]:
    """Logs that were last written before a time, agents that nobody has used for a week, and what
    was fetched or sent for runs of which the same is true, but for what a run has need of.

    With `remove` they are no more.
    """
    found = _found(home, before)
    told: List[Leaving] = [{"kind": k, "path": path, "bytes": _bytes_of(path)} for k, path in found]
    # Nobody may set the time that these are told by, so it is not asked for another.
    told += unused.unused(home, upkeep.UNUSED, remove)
    if remove:
        for leaving in told:
            if leaving["kind"] == LOG:
                os.unlink(leaving["path"])
            elif leaving["kind"] == FETCHED:
                shutil.rmtree(leaving["path"], ignore_errors=True)
        if any(leaving["kind"] == AGENT for leaving in told):
            upkeep.clean_agents(home, "")
    return told


def _found(home: str, before: Optional[float]) -> Iterator[Tuple[str, str]]:
    for path in upkeep.logs(home):
        if before is None or os.lstat(path).st_mtime < before:
            yield LOG, path
    for path in upkeep.unused_agents(home):
        yield AGENT, path
    week = time.time() - upkeep.UNUSED
    last = week if before is None else min(before, week)
    old = [path for path in fetching.kept(home) if os.lstat(path).st_mtime < last]
    linked = _linked(home, old)
    for path in old:
        if path not in linked:
            yield FETCHED, path


def _linked(home: str, paths: List[str]) -> Set[str]:
    """Those of the paths into which runs have links, as Guild AI makes them; deleted ones, too."""
    places: Dict[str, str] = {}
    for path in paths:
        places.update({os.path.abspath(path): path, os.path.realpath(path): path})
    tops = (rundir.runs_dir(home), rundir.runs_dir(home, deleted=True)) if paths else ()
    return {place for top in tops for place in cleaned.linked(top, places)}


def _bytes_of(path: str) -> int:
    if not os.path.isdir(path):
        return os.lstat(path).st_size
    return sum(
        os.lstat(os.path.join(top, name)).st_size
        for top, _, names in os.walk(path)
        for name in names
    )
