"""A run is made: its directory, its job, its marks."""

from __future__ import annotations

import errno
import os
from typing import Dict, List, Optional
from zlib import crc32

from .. import trees
from ..errors import AgentError
from ..protocol import STARTED_BY, Job, Made, Value, now
from ..store import atomic, inside, locks, revision, rundir
from ..store.home import home_id
from ..store.job import write_job

_MAKING = ".stage-"  # the run's id and its maker follow


def stage(
    home: str,
    run_id: str,
    opref: str,
    attributes: Dict[str, Value],
    job: Job,
    diff: str = "",
    contents: Optional[Dict[str, int]] = None,
) -> Made:
    """Make the run, pending, with its attributes and the job that it is to do.

    `diff`: how its project differed from the commit that an attribute names. `contents`, digest
    -> size, are what it has need of: the answer has those that are to be sent.

    It appears whole or not at all. Asked again for a run that is still pending, as
    after a lost answer, it makes it anew; for one that is more by now, be it a job that waits, as
    what was told with it has been done, it says that it is there. A run of that id that another
    guild home has made stays as it is: then it is refused.
    """
    is_made = make(home, run_id, opref, attributes, job, diff, is_own=True)
    missing = wanting(home, run_id, contents) if is_made else []
    return {"run_dir": rundir.run_dir(home, run_id), "missing": missing}


def make(
    home: str,
    run_id: str,
    opref: str,
    attributes: Dict[str, Value],
    job: Job,
    diff: str = "",
    is_own: bool = False,
) -> bool:
    """As `stage`; whether it was made now. Whoever has made it before, unless `is_own`."""
    directory, maker = rundir.run_dir(home, run_id), _home_of(attributes.get(STARTED_BY))
    os.makedirs(os.path.dirname(directory), exist_ok=True)
    if os.path.exists(directory):
        is_copy = rundir.status(directory).remote is not None
        if is_copy or not inside.exists(rundir.guild_dir(directory), "opref"):
            raise _there(run_id)
        if is_own and _maker(directory) != maker:
            raise _made_by_another(run_id)
        if not _is_taken_back(directory):
            return False
    # Of each guild home its own: two may make a run of one id at once.
    mine = crc32((maker or "").encode("utf-8", "replace"))
    temporary = os.path.join(os.path.dirname(directory), "%s%s-%08x" % (_MAKING, run_id, mine))
    trees.remove_tree(temporary)
    os.makedirs(os.path.join(rundir.guild_dir(temporary), "attrs"))
    try:
        rundir.mark(temporary, rundir.PENDING, flushed=False)
        fill(temporary, run_id, opref, attributes, job, diff)
        try:
            os.rename(temporary, directory)
        except OSError as e:
            if e.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # It came to be a moment ago.
            is_mine = _maker(directory) == maker
            raise (_there if is_mine else _made_by_another)(run_id) from None
        home_id(home, make=True)
    except BaseException:
        trees.remove_tree(temporary)
        raise
    return True


def _there(run_id: str) -> AgentError:
    return AgentError("run %s is there already" % run_id, kind="refused")


def _made_by_another(run_id: str) -> AgentError:
    message = "another guild home has made a run %s there" % run_id
    return AgentError(message, "Give yours another id.", "refused")


def _maker(directory: str) -> Optional[str]:
    """The name of the guild home that has made a run; None where that is not known."""
    return _home_of(rundir.read_attr(directory, STARTED_BY))


def _home_of(started_by: Value) -> Optional[str]:
    starter = rundir.starter(started_by)
    return None if starter is None else starter["home"]


def _is_taken_back(directory: str) -> bool:
    """Remove a run that is pending and nothing else; whether it is gone.

    It is held meanwhile: whoever was told to start it may be about to.
    """
    guild = rundir.guild_dir(directory)
    held = locks.hold(guild) if rundir.status(directory).text == "pending" else None
    if held is None:
        return False
    try:
        if rundir.status(directory).text != "pending" or rundir.is_job(directory):
            return False
        _remove(directory)
    finally:
        locks.release(guild, held)
    return True


def wanting(home: str, run_id: str, contents: Optional[Dict[str, int]]) -> List[str]:
    """Those of the contents that are to be sent for the run."""
    if not contents:
        return []
    from ..contents import receiving  # a run here has no use for it

    return receiving.wanting(home, run_id, contents)


def fill(
    directory: str,
    run_id: str,
    opref: str,
    attributes: Dict[str, Value],
    job: Job,
    diff: str,
) -> None:
    """Write what a run is: its operation, its job, its attributes, its project's state."""
    guild = rundir.guild_dir(directory)
    atomic.write_in(guild, "opref", opref, flushed=False)
    write_job(directory, job)
    inside.make(guild, rundir.JOB_PACKAGES)
    rundir.write_attrs(directory, {"id": run_id, "initialized": now(), **attributes})
    revision.write_diff(directory, diff)


def mark_staged(home: str, run_id: str) -> None:
    """Have a pending run wait to be started."""
    directory = rundir.run_dir(home, run_id)
    if rundir.status(directory) == rundir.Status("pending") and not rundir.is_job(directory):
        rundir.mark_staged(directory)


def discard(home: str, run_id: str, maker: Optional[str] = None) -> None:
    """Remove a pending run that never was anything else; one that was is staged from now on.

    A job that waits, or of which no more is known, stays. So does one that another guild home than
    `maker`, where that is given, has made.
    """
    directory = rundir.run_dir(home, run_id)
    if maker is not None and os.path.exists(directory) and _maker(directory) != maker:
        return
    from ..contents import kept  # most runs come to be

    kept.forget_incoming(home, run_id)
    if rundir.status(directory) != rundir.Status("pending") or rundir.is_job(directory):
        return
    was_ready = rundir.was_ready(directory)  # before the lock takes a handle: there may be few
    held: Optional[int] = None
    try:
        # Waited for where somebody only looks, or moves it: it must not stay pending for that.
        held = locks.hold(rundir.guild_dir(directory))
        if held is None:
            return
    except FileNotFoundError:  # it was deleted; what is restored of it waits no more
        return
    except (OSError, AgentError):
        pass  # on a full disk, or without a handle, no runner can start in it either
    try:
        if rundir.status(directory) != rundir.Status("pending") or rundir.is_job(directory):
            return
        if was_ready:
            rundir.mark_staged(directory)
        else:
            _remove(directory)
    finally:
        if held is not None:
            locks.release(rundir.guild_dir(directory), held)


def unmade(home: str) -> List[str]:
    """The folders of runs that are being made, or were until a kill."""
    top = rundir.runs_dir(home)
    try:
        names = [name for name in os.listdir(top) if name.startswith(_MAKING)]
    except OSError:
        return []
    return sorted(os.path.join(top, name) for name in names)


def _remove(directory: str) -> None:
    """Remove a run, which at no moment is there in part; a later delete mends an end in between."""
    folder, name = os.path.split(directory)
    aside = os.path.join(folder, rundir.DELETING + name)
    trees.remove_tree(aside)
    os.rename(directory, aside)
    trees.remove_tree(aside)
