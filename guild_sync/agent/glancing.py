"""A host at one glance: its runs that are open or have just ended, what they say, what is free."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Optional, Sequence

from . import columns, protocol
from .capacity import free
from .catalog import describe, find
from .comparing import objective
from .errors import AgentError
from .files.last_line import last_line
from .protocol import FINAL, RUN_ID, WAITING, Free, Glance, GlancedRun, RunId, ScalarForm
from .scalars import kept
from .store import inside, rundir

MOST = 200  # runs that are told of
_LATEST = protocol.MANY_RUNS  # of so many it is looked at whether they have just ended
_SCALARS = 8  # of a run


def glance(
    home: str, spec: Mapping[str, str], lately: float = 3600.0, known: Sequence[RunId] = ()
) -> Glance:
    """The runs of this guild home that are open, or have ended in the last seconds `lately`.

    Copies of other machines' runs are none of them. `known`: runs that were open before, which are
    looked at however long ago they began. `spec` is the environment of operations, as `free` has
    it.
    """
    now = protocol.now()
    open_ids = find.select(home, (), {"status": ["running", *WAITING]}, whole=True)
    statuses = {i: rundir.status(rundir.run_dir(home, i)) for i in open_ids}
    own = [run_id for run_id in open_ids if statuses[run_id].remote is None]
    counts: Dict[str, int] = {}
    for run_id in own:
        counts[statuses[run_id].text] = counts.get(statuses[run_id].text, 0) + 1
    ended = _ended(home, now - int(lately * 1e6), known)
    told = _told(home, [*own, *ended][:MOST])
    failed = sum(rundir.view(rundir.run_dir(home, i)).status.text == "error" for i in ended)
    return {
        "runs": told,
        "open": counts,
        "ended": len(ended),
        "failed": failed,
        "now": now,
        "free": _free(home, spec, counts.get("running", 0)),
    }


def glanced(home: str, ids: Sequence[RunId]) -> List[GlancedRun]:
    """What a glance tells of these runs; nothing of those that are not here."""
    there = [i for i in ids if rundir.time_of(rundir.run_dir(home, i)) is not None]
    return _told(home, there[:MOST])


def _ended(home: str, since: int, known: Iterable[RunId]) -> List[str]:
    """The runs of this host that have ended since then (microseconds), the latest first."""
    latest = find.select(home, (), whole=True, most=_LATEST)[:_LATEST]
    ids = dict.fromkeys([*latest, *(i for i in known if RUN_ID.match(i))])
    found = []
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        # A look first: most have ended long ago.
        seen = inside.status(rundir.guild_dir(directory), "attrs/stopped")
        if seen is None or seen.st_mtime_ns // 1000 < since:
            continue
        run = rundir.view(directory)
        if run.status.text in FINAL and run.status.remote is None:
            if isinstance(run.stopped, int) and run.stopped >= since:
                found.append((run.stopped, run_id))
    return [run_id for _, run_id in sorted(found, reverse=True)]


def _told(home: str, ids: Sequence[RunId]) -> List[GlancedRun]:
    return [_glanced(home, run_id) for run_id in ids]


def _glanced(home: str, run_id: str) -> GlancedRun:
    directory = rundir.run_dir(home, run_id)
    line = last_line(directory)
    # No output is read for scalars that no runner has kept: it would be, again and again.
    own = kept.own(directory)
    scalars = own.scalars if own else {}
    judged, _ = columns.judged_by(objective.said_of(directory).objective)
    return {
        **describe.summary(home, run_id),
        "said": line.text,
        "said_at": line.at,
        "scalars": _first(scalars, judged.name),
        "step": _step(scalars.values()),
    }


def _first(scalars: Mapping[str, ScalarForm], judged: str) -> Dict[str, ScalarForm]:
    """Some of the scalars: the one that the operation is judged by, then those printed first."""
    names = sorted(scalars, key=lambda name: name != judged)[:_SCALARS]
    return {name: scalars[name] for name in names}


def _step(scalars: Iterable[ScalarForm]) -> Optional[int]:
    """The greatest step that a run has printed; None where steps may only have been counted."""
    printed = [one["step"] for one in scalars if one["step"] != one["count"] - 1]
    return max(printed, default=None)


def _free(home: str, spec: Mapping[str, str], running: int) -> Optional[Free]:
    """What is free here; None where that cannot be told, as without the environment."""
    try:
        return free.free(home, spec, running=running)
    except (AgentError, OSError):
        return None
