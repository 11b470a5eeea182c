"""The marks of a run that is a copy of a remote's: written before and after copying.

`LOCK.remote` is there from before the first byte until after the last byte of a run
that has ended, so that a copy which is not whole never shows an end. For a run that
another machine pushes here it holds `push from` and that machine's name.
"""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from typing import Dict, List, Optional, Sequence

from .. import protocol
from ..catalog import find
from ..errors import AgentError
from ..files import left_out
from ..protocol import Begun, Found, State
from ..store import atomic, locks, rundir

_INCOMING = ".incoming-"
_TOKEN = re.compile(r"[0-9a-f]{16}\Z")
_MARKS = {rundir.LOCK_REMOTE, rundir.PENDING, rundir.STAGED}


def begin(home: str, states: Dict[str, State], remote: str, incoming: str = "") -> Begun:
    """Mark the runs that are about to be copied from `remote`, whose states there are given.

    Returns where they go, a folder for unfinished files on the same file system, when the
    copy began, `before`: each run's status here until now, and `refused`: why for each run
    that may not be copied, as it runs on this machine.
    """
    began = time.time_ns() // 1000
    top = rundir.runs_dir(home)
    os.makedirs(top, exist_ok=True)
    incoming = _incoming(top, incoming)
    refused = {}
    before = {}
    for run_id, state in states.items():
        directory = rundir.run_dir(home, run_id)
        guild = rundir.guild_dir(directory)
        before[run_id] = rundir.status(directory).text if os.path.isdir(guild) else None
        if locks.holder(guild) is not None:
            refused[run_id] = "it is running on this machine"
        elif (state["remote"] or "").startswith(protocol.PUSH):
            refused[run_id] = "it is not there whole yet (%s)" % state["remote"]
        elif not _is_settled(directory, state):
            if not os.path.isdir(guild):
                _make(directory, remote, incoming)
            elif rundir.status(directory).remote != remote:
                _write_remote(guild, remote)
            if state["status"] not in protocol.FINAL:
                _set_waiting(directory, state)
            # An end from before the run was restarted there: a copy removes nothing.
            told = zip(rundir.END, (state["exit_status"], state["stopped"]))
            rundir.remove_attrs(directory, [name for name, value in told if value is None])
    return {
        "runs_dir": top,
        "incoming": incoming,
        "refused": refused,
        "before": before,
        "began": began,
    }


def begin_push(home: str, states: Dict[str, State], sender: str, token: str) -> Begun:
    """Mark the runs that `sender` is about to copy here; as `begin`.

    `token` tells the sender from others, and is the same for its next push: the folder for
    unfinished files is named by it, as no process of the sender's lives here.
    """
    if not _TOKEN.match(token):
        raise AgentError("%s is no token" % rundir.shown(token))
    refused = {}
    for run_id in states:
        now = rundir.status(rundir.run_dir(home, run_id))
        if now.text not in protocol.FINAL and not (now.remote or "").startswith(protocol.PUSH):
            refused[run_id] = "it is %s%s there" % (
                now.text,
                " (%s)" % now.remote if now.remote else "",
            )
    wanted = {run_id: state for run_id, state in states.items() if run_id not in refused}
    begun = begin(home, wanted, protocol.PUSH + sender, "push-" + token)
    return {**begun, "refused": {**refused, **begun["refused"]}}


def _make(directory: str, remote: str, incoming: str) -> None:
    """Make a run's directory, which has its mark from the first moment."""
    made = os.path.join(incoming, os.path.basename(directory))
    os.makedirs(rundir.guild_dir(made))
    _write_remote(rundir.guild_dir(made), remote)
    if os.path.isdir(directory):  # one without a `.guild`, which is no run
        os.rename(rundir.guild_dir(made), rundir.guild_dir(directory))
    else:
        os.rename(made, directory)


def _write_remote(guild: str, remote: str) -> None:
    atomic.write_atomically(os.path.join(guild, rundir.LOCK_REMOTE), remote + "\n")


def reopen(home: str, run_id: str, remote: str) -> bool:
    """Mark the copy of a run that `remote` has started again as running there; is there one?"""
    directory = rundir.run_dir(home, run_id)
    known = rundir.confirmed(directory)
    guild = rundir.guild_dir(directory)
    if known is None or known["remote"] != remote or locks.holder(guild) is not None:
        return False
    _write_remote(guild, remote)
    return True


def _incoming(top: str, own: str) -> str:
    """An empty folder beside the runs; what killed copies left of theirs is removed.

    It has the number of the thread that copies, which for a process's first is its pid.
    """
    for name in os.listdir(top):
        if name.startswith(_INCOMING) and _is_dead(name[len(_INCOMING) :]):
            shutil.rmtree(os.path.join(top, name), ignore_errors=True)
    path = os.path.join(top, _INCOMING + (own or str(threading.get_native_id())))
    shutil.rmtree(path, ignore_errors=True)
    os.mkdir(path, 0o700)
    return path


def settle(
    home: str, states: Dict[str, State], remote: str = "", began: Optional[int] = None
) -> Dict[str, str]:
    """Give copied runs the status that their remote told *before* they were copied.

    Where `began` says when that was, it is written down as the remote's last word.
    Returns why for each that is not settled: it ended or changed while it was copied,
    and keeps its mark until the next time.
    """
    unsettled = {}
    for run_id, state in states.items():
        directory = rundir.run_dir(home, run_id)
        is_over = state["status"] in protocol.FINAL
        if is_over and not _has_ended_as(directory, state):
            unsettled[run_id] = "it changed while it was copied"
            continue
        _set_waiting(directory, state)
        if state["status"] != "lost":
            rundir.unmark(directory, rundir.LOCK_LOST)
        left_out.write_note(directory, left_out.LEFT_OUT, state["left_out"])
        left_out.write_note(directory, left_out.LINKS, state["links"])
        if began is not None:
            rundir.confirm(directory, remote, began, state["stamp"])
        _remove_unfinished(directory)
        if is_over:  # last: what is cut off before, the next sync does again
            rundir.unmark(directory, rundir.LOCK_REMOTE)
        elif state["status"] == "lost":  # there it is a copy, whose own remote has it no more
            _lose(directory, remote)
    return unsettled


def _remove_unfinished(directory: str) -> None:
    """Remove marks that a killed guild had not finished writing (locks.write_atomically)."""
    guild = rundir.guild_dir(directory)
    for name in os.listdir(guild):
        if name.startswith(".LOCK") and _is_dead(name.rpartition(".")[2]):
            os.unlink(os.path.join(guild, name))


def _is_dead(pid: str) -> bool:
    """Whether the end of a file's name is the number of a process or thread that is no more."""
    return pid.isdigit() and locks.start_time(int(pid)) is None


def _set_waiting(directory: str, state: State) -> None:
    """Give the copy the marks of a run that waits there, or none."""
    for name, status in ((rundir.PENDING, "pending"), (rundir.STAGED, "staged")):
        if state["status"] != status:
            rundir.unmark(directory, name)
        elif not os.path.exists(os.path.join(rundir.guild_dir(directory), name)):
            rundir.mark(directory, name)


def confirm_unchanged(home: str, states: Dict[str, State], remote: str) -> List[str]:
    """The runs of which nothing has changed since they were copied from `remote`; their ids.

    That is the remote's word for them now.
    """
    at = time.time_ns() // 1000
    found = unchanged(home, states, remote)
    for run_id in found:
        rundir.confirm(rundir.run_dir(home, run_id), remote, at, states[run_id]["stamp"])
    return found


def unchanged(home: str, states: Dict[str, State], remote: str) -> List[str]:
    """The runs that are not over, and whose stamps are those that were kept with the copies."""
    return [
        i for i, state in states.items() if _is_unchanged(rundir.run_dir(home, i), state, remote)
    ]


def _is_unchanged(directory: str, state: State, remote: str) -> bool:
    known = rundir.confirmed(directory)
    return (
        known is not None
        and bool(known["stamp"])
        and known["stamp"] == state["stamp"]
        and rundir.status(directory) == rundir.Status(state["status"] or "", remote)
    )


def lose(home: str, ids: Sequence[str], remote: str) -> List[str]:
    """Have copies be lost that `remote` has no more; the ids of those that had its mark.

    The mark of a lost run comes before its mark as a copy goes, so that no moment in between
    shows the status of a run that is whole.
    """
    lost = []
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        if rundir.status(directory).remote != remote:
            continue
        _lose(directory, remote)
        lost.append(run_id)
    return lost


def _lose(directory: str, remote: str) -> None:
    guild = rundir.guild_dir(directory)
    atomic.write_atomically(os.path.join(guild, rundir.LOCK_LOST), remote + "\n")
    for name in (rundir.PENDING, rundir.STAGED, rundir.LOCK_REMOTE):
        rundir.unmark(directory, name)


def find_again(home: str, run: str) -> Found:
    """Have a lost run be one of its remote's again, until that says otherwise; `id`, `remote`."""
    run_id = find.one(home, run)
    directory = rundir.run_dir(home, run_id)
    now = rundir.status(directory)
    if now.text != "lost" or not now.remote:
        raise AgentError(
            "run %s is not lost: it is %s" % (run_id, now.text),
            "Show lost runs with 'guild runs --lost'.",
        )
    _write_remote(rundir.guild_dir(directory), now.remote)
    rundir.unmark(directory, rundir.LOCK_LOST)
    return {"id": run_id, "remote": now.remote}


def _has_ended_as(directory: str, state: State) -> bool:
    # `started` too: it tells an end from that of the same run before it was restarted.
    told = (state["exit_status"], state["stopped"], state["started"])
    names = (*rundir.END, "started")
    return tuple(rundir.read_attr(directory, name) for name in names) == told


def _is_settled(directory: str, state: State) -> bool:
    """Whether the run is here already, ended as it has ended there."""
    return (
        state["status"] in protocol.FINAL
        and os.path.exists(os.path.join(rundir.guild_dir(directory), "opref"))
        and rundir.status(directory) == rundir.Status(state["status"] or "")
        and _has_ended_as(directory, state)
    )


def end(home: str, incoming: str, ids: Sequence[str]) -> None:
    """Remove the folder for unfinished files, and the runs of which nothing but marks came."""
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        guild = rundir.guild_dir(directory)
        if os.path.isdir(guild) and set(os.listdir(guild)) <= _MARKS:
            if os.listdir(directory) == [".guild"]:
                os.rename(directory, os.path.join(incoming, run_id))  # whole, or gone
    shutil.rmtree(incoming, ignore_errors=True)
