"""How a run has ended whose runner left no word of it: what is known of its job, and who says so.

An end is written by its runner or by one look at its job, and by one of them alone: whoever makes
`.guild/JOB.verdict` first. So a runner that is taken for dead, and comes back, changes nothing.
"""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Dict, List, NamedTuple, Optional

from ..protocol import ENDED_BY, NAME_LENGTH, TIME_LIMIT, Value, now
from ..scheduling.face import (
    AGAIN,
    CANCELLED,
    DEADLINE,
    ENDED,
    FAILED,
    HELD,
    MEMORY,
    NODE,
    PREEMPTED,
    TIMEOUT,
    WAITS,
    JobState,
)
from ..scheduling.records import OUTPUT, VERDICT, Instant, Record
from ..store import identity, inside, locks, rundir

# A job that is over, or unknown, is believed to have left no word when it has been so for so long:
# what its node has written may be seen here no sooner (attributes of NFS), and one answer may be
# that of a scheduler which has only just begun.
GRACE = 60.0  # seconds
_TAIL = 4096  # bytes of what a job has said
_RUNNER, _LOOK = "runner", "look"
_NEVER = "DependencyNeverSatisfied"

_STOPPED = -int(signal.SIGTERM)
_KINDS = {
    CANCELLED: "cancelled",
    PREEMPTED: "preempted",
    TIMEOUT: TIME_LIMIT,
    AGAIN: "its job was started again",
}
_FAULTS = {MEMORY: "out of memory", DEADLINE: "deadline"}


class End(NamedTuple):
    """How a run has ended."""

    exit_status: int
    ended_by: str


def is_hopeless(job: JobState) -> bool:
    """Whether it waits for what will never be."""
    return job.phase in (WAITS, HELD) and job.reason == _NEVER


def end_of(record: Record, job: Optional[JobState], began: bool, directory: str) -> End:
    """How a run has ended whose job is over, or known to nobody; `began`: its runner did."""
    if _is_forsaken(record, job, began, directory):
        return End(1, "a run that it requires has failed")
    if job is None:
        words = "unknown: job %s has ended and left no word" % record.id
        return End(1, words if record.id else "unknown: its job was not submitted")
    if why := cause(record, job):
        return End(_STOPPED if job.how in _KINDS else 1, why)
    said = last_words(directory) if job.how == FAILED else ""
    if job.how == FAILED and not began:
        return End(1, "job could not start%s" % (": " + said if said else ""))
    if said:
        return End(1, "job %s has failed: %s" % (record.id, said))
    return end_of(record, None, began, directory)


def _is_forsaken(record: Record, job: Optional[JobState], began: bool, directory: str) -> bool:
    """Whether a job waited in vain for those of the runs that its own requires.

    Its scheduler ends it then, and does not always say why.
    """
    if job is not None and job.reason == _NEVER:
        return True
    if began or (job is not None and job.how != CANCELLED):
        return False
    runs = os.path.dirname(directory)
    awaited = [rundir.status(os.path.join(runs, run_id)).text for run_id in record.after]
    return "error" in awaited or "terminated" in awaited


def cause(record: Record, job: JobState) -> str:
    """What has ended a job, where that is not the job itself; else nothing."""
    if job.phase != ENDED:
        return ""
    if job.how == NODE:
        return "node %s failed" % job.nodes if job.nodes else "its node failed"
    if job.how == TIMEOUT:
        return ("%s %s" % (TIME_LIMIT, record.time)).strip()
    return _KINDS.get(job.how) or _FAULTS.get(job.how, "")


def moment() -> Instant:
    return Instant(time.time(), identity.here(0, None).boot or "", time.monotonic())


def seconds_since(then: Instant) -> float:
    """How long ago that was; below 0 where the calendar's clock, the only one to ask, was set."""
    here = moment()
    # That clock may be set by hours: it counts where another machine, or boot, has noted it.
    return here.up - then.up if here.boot == then.boot else here.time - then.time


def last_words(directory: str) -> str:
    """The last line of what a run's job itself has said."""
    try:
        fd = inside.open_file(rundir.guild_dir(directory), OUTPUT)
    except OSError:
        return ""
    try:
        text = os.pread(fd, _TAIL, max(0, os.fstat(fd).st_size - _TAIL)).decode("utf-8", "replace")
    except OSError:  # no file: a FIFO, or a folder
        return ""
    finally:
        os.close(fd)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    shown = (c if c.isprintable() else "?" for c in (lines or [""])[-1])
    return "".join(shown)[: NAME_LENGTH - 40]


def may_end(directory: str) -> bool:
    """Whether the runner of a run that is a job may write its end: nobody else has."""
    guild = rundir.guild_dir(directory)
    return _is_first(guild, {"by": _RUNNER}) or _taken_by(guild) == _RUNNER


def pass_verdict(directory: str, found: End, said: str = "") -> bool:
    """Write the end of a run whose job is over, unless its runner has written one; whether it has.

    Only where the job is over: a runner that has begun to write its end is dead then. `said`
    comes to the end of its output.
    """
    guild = rundir.guild_dir(directory)
    if _is_first(guild, {"by": _LOOK, **found._asdict()}) and said:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        with os.fdopen(inside.open_file(guild, rundir.OUTPUT, flags, 0o644), "w") as output:
            output.write(said)
    found = _passed(guild) or found  # of several looks the first counts
    if has_end(directory):
        return False
    if found.ended_by:
        rundir.write_attr(directory, ENDED_BY, found.ended_by[:NAME_LENGTH], flushed=False)
    rundir.write_attr(directory, "stopped", now(), flushed=False)
    inside.flush([directory])
    rundir.write_attr(directory, "exit_status", found.exit_status)
    finish(directory)
    return True


def finish(directory: str) -> None:
    """Have a run that has its end wait for nothing any more."""
    for mark in (rundir.PENDING, rundir.LOCK_WAITS):
        rundir.unmark(directory, mark)


def is_passed(directory: str) -> bool:
    """Whether the end of a run is one that a look has written, or was about to."""
    return _taken_by(rundir.guild_dir(directory)) == _LOOK


def has_end(directory: str) -> bool:
    """Whether the run's end is written, on whichever machine."""
    return end(directory)[0] is not None


def end(directory: str) -> List[Optional[str]]:
    """The texts of a run's exit status and of what has ended it, looked up anew.

    What another machine wrote may be hidden: a client of NFS asks its server again for what is in
    a folder that is opened to be listed.
    """
    guild = rundir.guild_dir(directory)
    for folder in (".", "attrs"):
        try:
            inside.names(guild, folder)
        except OSError:
            pass
    return rundir.attr_texts(directory, ["exit_status", ENDED_BY])


def _is_first(guild: str, verdict: Dict[str, Value]) -> bool:
    return inside.write_first(guild, VERDICT, json.dumps({**verdict, "at": now()}))


def _taken_by(guild: str) -> str:
    found = _verdict(guild).get("by")
    return found if isinstance(found, str) else ""


def _passed(guild: str) -> Optional[End]:
    """The end that a look has written down for the run; None where none has."""
    found = _verdict(guild)
    code, why = found.get("exit_status"), found.get("ended_by")
    return End(code, why) if isinstance(code, int) and isinstance(why, str) else None


def _verdict(guild: str) -> Dict[str, Value]:
    return inside.read_mapping(guild, VERDICT, locks.MAX_RECORD)
