"""What a sync asks a remote: how runs are, in which guild home."""

from __future__ import annotations

import json
import os
import time
from typing import Dict, List, Optional, Sequence

from .. import protocol
from ..files.left_out import inputs_left_out, left_out
from ..protocol import MOST
from ..store import inside, locks, rundir
from ..store.home import home_id
from .large import LargeFiles
from .readable import readable
from .sample import SECONDS as SAMPLE_SECONDS
from .sample import sample
from .stamps import Look, look

# A run that nobody is making any more: longer than the largest package takes to install.
ABANDONED_SECONDS = 24 * 3600
# For all stamps of one request: these, and as much for each of so many runs as a slow disk takes
# for it. Runs beyond that count as changed.
STAMP_SECONDS = 5.0
_STAMP_SECONDS_OF_ONE, _MOST_STAMP_SECONDS = 0.003, 30.0


def survey(
    home: str,
    ids: Sequence[str],
    stamps: bool = True,
    look_only: bool = False,
    selection: Optional[protocol.SelectionForm] = None,
    room: Optional[int] = None,
    reading: bool = False,
    packing: bool = False,
    large: bool = False,
    just_looked: bool = False,
) -> protocol.SurveyForm:
    """How the runs are here, where they were made: `states`, as rundir.states, and `home_id`.

    `home_id` tells this guild home from any other, and from the empty folder that is left
    where its disk is not mounted; None where it has none and none can be made. A state has
    `stamp` where the run may still change: the same stamp means that nothing of it has. With
    no `stamps`, none has. `look_only`: nothing is written.
    With a `selection` (agent/files/left_out.py) a state has `left_out`, what that leaves out, and
    `inputs`, what the run was given, unless that asks for them.
    With `room`, in bytes, it has `bytes` where all that is on the disk here is more than that:
    the most that a copy takes, which is all that is in use there where no time is left to look.
    With `reading`, all of it is to be read: it has `bytes`, and `unreadable`, what may not be.
    With `packing` it has a `sample` of how well its files pack.
    With `large`, it has `large`, files that a copy may bring each by itself, and it is not `sparse`
    where no file of it has holes (LargeFiles).
    `just_looked`: the runs that consist of these were asked for just before, and their scheduler
    with them, which is not asked again (agent/calls.py).
    """
    until = time.monotonic() + stamp_seconds(len(ids))
    until_sampled = time.monotonic() + SAMPLE_SECONDS
    states: Dict[str, protocol.State] = {}
    most = MOST
    large_files = LargeFiles()
    may_exceed = room is not None and _used(rundir.runs_dir(home)) > room
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        if not look_only:
            _end_if_abandoned(directory)
        found = rundir.state(directory)
        if found["status"] is not None:
            found["children"] = _children(directory)  # after its status: it has all by its end
        is_stamped = stamps and found["status"] not in (None, *protocol.FINAL)
        is_measured = room is not None and found["status"] is not None
        is_measured = is_measured and (may_exceed or os.path.islink(directory))
        looked = Look()
        if is_stamped or is_measured:
            looked = look(directory, until, json.dumps(selection) if is_stamped else None)
        if is_stamped:
            found["stamp"] = looked.stamp
        if selection and found["status"] is not None:
            is_over = found["status"] in protocol.FINAL
            found["left_out"] = left_out(directory, selection, is_over, most)
            most -= len(found["left_out"])
            found["inputs"] = inputs_left_out(directory, selection, most)
            most -= len(found["inputs"])
        if is_measured:
            not_coming = sum(bytes_of for _, bytes_of in found["inputs"])
            size = looked.bytes
            found["bytes"] = _used(directory) if size is None else max(0, size - not_coming)
        if reading and found["status"] is not None:
            found["bytes"], found["unreadable"] = readable(directory)
        if packing and found["status"] is not None:
            without = {path for path, _ in (*found["left_out"], *found["inputs"])}
            found["sample"] = sample(directory, without, until_sampled)
        if large and found["status"] is not None:  # after it: a run that is over gets no more
            large_files.look(run_id, directory, found)
        states[run_id] = found
    large_files.tell(states)
    is_home = any(found["status"] is not None for found in states.values())
    return {"states": states, "home_id": home_id(home, make=is_home and not look_only)}


def stamp_seconds(runs: int) -> float:
    """How long the stamps of so many runs may take together."""
    return min(STAMP_SECONDS + runs * _STAMP_SECONDS_OF_ONE, _MOST_STAMP_SECONDS)


def _used(folder: str) -> int:
    """The bytes that are in use on the disk of a folder; 0 where that is not there."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return 0
    return (disk.f_blocks - disk.f_bfree) * disk.f_frsize


def _children(directory: str) -> List[str]:
    """The ids of the runs that a pipeline or a batch has links to, made by agent/batches/links."""
    found = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_symlink():
                    above, _, name = os.readlink(entry.path).rpartition("/")
                    if above == ".." and protocol.RUN_ID.match(name):
                        found.append(name)
    except OSError:
        return []  # it is asked for again by the next sync
    return sorted(found)[:MOST]


def _end_if_abandoned(directory: str) -> None:
    """Let a pending run whose guild was killed be an error, so that it does not wait for ever."""
    guild = rundir.guild_dir(directory)
    pending = inside.status(guild, rundir.PENDING)
    if pending is None or rundir.is_job(directory):  # a job may wait for days
        return
    age = time.time() - pending.st_mtime
    if age < ABANDONED_SECONDS or rundir.status(directory) != rundir.Status("pending"):
        return
    try:
        held = locks.hold(guild)
    except OSError:
        return
    if held is not None:  # else it starts at this moment
        rundir.unmark(directory, rundir.PENDING)
        locks.release(guild, held)
