"""What guild has left for itself here and needs no more: told, and removed."""

from __future__ import annotations

import os
import time
from typing import Dict, Iterator, List, Optional, Set, Tuple

from . import trees
from .contents import unused
from .copies import cleaned
from .environments import kept
from .errors import AgentError
from .machine import upkeep
from .protocol import MONTH, WEEK, Leaving
from .remembering import remembered
from .scalars import derived
from .scheduling import records
from .staging import fetching, stage
from .store import inside, rundir

LOG, AGENT, FETCHED, ENVIRONMENT = "log", "agent", "fetched", "environment"
LISTING, UNMADE = "listing", "unmade"


def leavings(home: str, before: Optional[float] = None, remove: bool = False) -> List[Leaving]:
    """Logs that were last written before a time, agents that nobody has used for a week, and what
    was fetched or sent for runs of which the same is true, but for what a run has need of; what was
    remembered of listings, read of scalars, or left by a kill of a run that was being made, a week
    ago; environments that no run has used for a month.

    With `remove` they are no more.
    """
    found = _found(home, before)
    told: List[Leaving] = [
        {"kind": k, "path": path, "bytes": inside.bytes_of(path)} for k, path in found
    ]
    # Nobody may set the time that these are told by, so it is not asked for another.
    told += unused.unused(home, WEEK, remove)
    if remove:
        for leaving in told:
            if leaving["kind"] in (LOG, LISTING):
                os.unlink(leaving["path"])
            elif leaving["kind"] in (FETCHED, UNMADE):
                trees.remove_tree(leaving["path"])
        if any(leaving["kind"] == AGENT for leaving in told):
            clean_agents(home, "")
        if any(leaving["kind"] == ENVIRONMENT for leaving in told):
            # Here a person is to know where that cannot be done.
            kept.environments(home, remove=True, before=time.time() - MONTH)
    return told


def once_a_day(home: str, keep: str) -> None:
    """Remove what nobody has need of by now: agents but this one, contents, environments, and what
    a kill left a month ago of runs that were being made."""
    clean_agents(home, keep)
    kept.upkeep(home)
    try:
        for path in _older(stage.unmade(home), time.time() - MONTH):
            trees.remove_tree(path)
        unused.unused(home, MONTH, remove=True)
    except (AgentError, OSError):
        pass  # the next day


def clean_agents(home: str, keep: str) -> None:
    """Remove every version of the agent that nobody has need of, but `keep`.

    A job that waits has need of one, and no process of it shows that.
    """
    upkeep.clean_agents(home, {keep, *records.agents(home)})


def _found(home: str, before: Optional[float]) -> Iterator[Tuple[str, str]]:
    for path in upkeep.logs(home):
        if before is None or os.lstat(path).st_mtime < before:
            yield LOG, path
    for path in upkeep.unused_agents(home, records.agents(home)):
        yield AGENT, path
    week = time.time() - WEEK
    last = week if before is None else min(before, week)
    old = _older(fetching.kept(home), last)
    for path in _older([*remembered.kept(home), *derived.remembered(home)], last):
        yield LISTING, path
    for path in _older(stage.unmade(home), last):
        yield UNMADE, path
    linked = _linked(home, old)
    for path in old:
        if path not in linked:
            yield FETCHED, path
    for each in kept.environments(home, before=time.time() - MONTH):
        if each["going"]:
            yield ENVIRONMENT, each["path"]


def _older(paths: List[str], before: float) -> List[str]:
    """Those that are still there, and were changed last before a time."""

    def is_older(path: str) -> bool:
        try:
            return os.lstat(path).st_mtime < before
        except FileNotFoundError:
            return False

    return [*filter(is_older, paths)]


def _linked(home: str, paths: List[str]) -> Set[str]:
    """Those of the paths into which runs have links, as Guild AI makes them; deleted ones, too."""
    places: Dict[str, str] = {}
    for path in paths:
        places.update({os.path.abspath(path): path, os.path.realpath(path): path})
    tops = (rundir.runs_dir(home), rundir.runs_dir(home, deleted=True)) if paths else ()
    return {place for top in tops for place in cleaned.linked(top, places)}
