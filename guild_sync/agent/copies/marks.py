"""The marks of a run that is a copy of a remote's: written before and after copying.

`LOCK.remote` is there from before the first byte until after the last byte of a run
that has ended, so that a copy which is not whole never shows an end. For a run that
another machine pushes here it holds `push from` and that machine's name.
"""

from __future__ import annotations

import os
import re
import time
from functools import partial
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

from .. import protocol, trees
from ..catalog import find
from ..errors import AgentError
from ..files import left_out
from ..protocol import Begun, Confirmed, Found, State
from ..store import atomic, identity, inside, locks, rundir
from . import expected, tracked

_INCOMING = ".incoming-"
# The place where its thread has its number, which earlier versions did not name; the number.
_OF_COPY = re.compile(r"(?:([0-9a-f]{8})\.([0-9a-f]{8})\.([0-9]+)-)?([0-9]+)\Z")
_FORGOTTEN_SECONDS = 30 * 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{16}\Z")
_MARKS = {rundir.LOCK_REMOTE, rundir.PENDING, rundir.STAGED}


def begin(
    home: str,
    states: Dict[str, State],
    remote: str,
    incoming: str = "",
    named: Optional[Sequence[str]] = None,
) -> Begun:
    """Mark the runs that are about to be copied from `remote`, whose states there are given.

    Returns where they go, a folder for unfinished files on the same file system, when the
    copy began, `before`: each run's status here until now, and `refused`: why for each run
    that may not be copied, as it runs on this machine. With `named` there is `foreign`: whose
    each run is that came from elsewhere than `remote`, and that is not one of these.
    """
    from ..store import attempts  # a sync that copies nothing has no use for it

    began = time.time_ns() // 1000
    top = rundir.runs_dir(home)
    os.makedirs(top, exist_ok=True)
    incoming = incoming_folder(top, incoming)
    foreign = {} if named is None else foreign_to(home, set(states) - set(named), remote)
    refused = {}
    before = {}
    moved = {}
    counts: Dict[str, Tuple[int, int]] = {}
    for run_id, state in states.items():
        if run_id in foreign:
            continue
        directory = rundir.run_dir(home, run_id)
        guild = rundir.guild_dir(directory)
        here = rundir.status(directory) if inside.is_folder(guild) else None
        before[run_id] = here.text if here else None
        counts[run_id] = attempts.settled_counts(guild)
        why = _why_not(home, directory, state)
        if why:
            refused[run_id] = why
            continue
        if os.path.islink(directory):
            moved[run_id] = os.path.realpath(directory)
        if not _is_settled(directory, here, state):
            _open(directory, here, state, remote, incoming)
    inside.flush([top, *moved.values()])  # the marks, before the first byte
    return {
        "runs_dir": top,
        "incoming": incoming,
        "refused": refused,
        "foreign": foreign,
        "before": before,
        "began": began,
        "moved": moved,
        "counts": counts,
    }


def _open(
    directory: str, here: Optional[rundir.Status], state: State, remote: str, incoming: str
) -> None:
    """Mark a run here, whose status is `here`, as one that is being copied."""
    if here is None:
        _make(directory, remote, incoming)
    elif here.remote != remote:
        _write_remote(rundir.guild_dir(directory), remote)
    if state["status"] not in protocol.FINAL:
        _set_waiting(directory, state)
    # An end from before the run was restarted there: a copy removes nothing.
    told = zip(rundir.END, (state["exit_status"], state["stopped"]))
    gone = [name for name, value in told if value is None]
    rundir.remove_attrs(directory, [*gone, protocol.ENDED_BY])


def _why_not(home: str, directory: str, state: State) -> str:
    """Why a run may not be copied here now; nothing where it may."""
    linked = rundir.why_linked(directory)
    if linked:
        return "here " + linked
    if os.path.islink(directory):
        why = rundir.why_not_followed(home, directory)
        if why:
            return why
    holder = locks.held_by(rundir.guild_dir(directory))
    if holder is not None:
        return "it is running on %s" % (holder.machine or "this machine")
    is_begun_only = state["status"] == "running" and state["started"] is None
    if state["remote"] and (is_begun_only or state["remote"].startswith(protocol.PUSH)):
        return "it is not there whole yet (%s)" % state["remote"]
    return ""


def foreign_to(home: str, ids: Iterable[str], remote: str) -> Dict[str, str]:
    """Of these runs, those that are none of `remote`'s here: the remote that each is of.

    It is empty for a run that was made here. One that is not here yet is of the remote that it is
    expected from. A remote may offer any id: it knows those of the runs that were pushed there,
    or that its runs have links to.
    """
    coming = {run["run"]: run["remote"] for run in expected.expected(home)}
    found = {}
    for run_id in sorted(ids):
        directory = rundir.run_dir(home, run_id)
        if inside.is_folder(rundir.guild_dir(directory)):
            origin = tracked.origin(directory)[0]
            is_unnamed = rundir.status(directory).remote == ""  # a copy that a power cut left
            if origin != remote and not is_unnamed:
                found[run_id] = origin or ""
        elif coming.get(run_id, remote) != remote:
            found[run_id] = coming[run_id]
    return found


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
        # An empty name is what a power cut has left of a mark; what is whole here mends that.
        is_pushed = now.remote == "" or (now.remote or "").startswith(protocol.PUSH)
        if now.text not in protocol.FINAL and not is_pushed:
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
    # Flushed with all others: by `begin`, or by who calls.
    atomic.write_in(guild, rundir.LOCK_REMOTE, remote + "\n", flushed=False)


def reopen(home: str, run_id: str, remote: str) -> bool:
    """Mark the copy of a run that `remote` has started again as running there; is there one?"""
    directory = rundir.run_dir(home, run_id)
    known = rundir.confirmed(directory)
    guild = rundir.guild_dir(directory)
    if known is None or known["remote"] != remote or locks.holder(guild) is not None:
        return False
    atomic.write_in(guild, rundir.LOCK_REMOTE, remote + "\n")
    return True


def incoming_folder(top: str, own: str = "") -> str:
    """An empty folder beside the runs; what killed copies left of theirs is removed.

    It has the number of the thread that copies, which for a process's first is its pid, and the
    place where that number counts: several machines and containers may share this disk.
    """
    # A path for each of many thousand runs would take longer than to list them.
    for name in [name for name in os.listdir(top) if name.startswith(_INCOMING)]:
        path = os.path.join(top, name)
        if _is_left(name[len(_INCOMING) :], path):
            trees.remove_tree(path)
    own = own or "%s-%d" % (identity.place(), identity.number())
    path = os.path.join(top, _INCOMING + own)
    trees.remove_tree(path)
    os.mkdir(path, 0o700)
    return path


def _is_left(name: str, path: str) -> bool:
    """Whether the copy that a folder for unfinished files was made for is no more."""
    found = _OF_COPY.match(name)
    if not found:
        return False
    here, place = identity.place(), identity.ProcessPlace(*found.group(1, 2, 3))
    if place == here or place.host is None:
        return identity.is_gone(found.group(4))
    if place.host == here.host and place.boot != here.boot:
        return True
    try:  # elsewhere: only its age tells
        return time.time() - os.stat(path).st_mtime > _FORGOTTEN_SECONDS
    except OSError:
        return False


def settle(
    home: str, states: Dict[str, State], remote: str = "", began: Optional[int] = None
) -> Dict[str, str]:
    """Give copied runs the status that their remote told *before* they were copied.

    Where `began` says when that was, it is written down as the remote's last word.
    Returns why for each that is not settled: it ended or changed while it was copied,
    and keeps its mark until the next time.
    """
    unsettled = {}
    copied = {}
    for run_id, state in states.items():
        directory = rundir.run_dir(home, run_id)
        why = rundir.why_linked(directory) or _why_not_over(directory, state)
        if why:
            unsettled[run_id] = why
        else:
            copied[run_id] = directory
            _write_notes(directory, state)
    confirm = partial(_confirm, remote=remote, began=began)
    over = {i: path for i, path in copied.items() if states[i]["status"] in protocol.FINAL}
    for run_id, directory in over.items():
        confirm(directory, states[run_id])
    inside.flush([rundir.runs_dir(home), *copied.values()])
    for run_id, directory in copied.items():
        if run_id in over:  # last: what is cut off before, the next sync does again
            rundir.unmark(directory, rundir.LOCK_REMOTE)
            continue
        confirm(directory, states[run_id])  # its stamp says that all this is here: only now it is
        if states[run_id]["status"] == "lost":  # there it is a copy, of one that is there no more
            _lose(directory, remote)
    return unsettled


def _why_not_over(directory: str, state: State) -> str:
    """Why what was copied of a run that has ended is not all of it; nothing where it is."""
    if state["status"] not in protocol.FINAL:
        return ""
    if rundir.status_of(state["exit_status"]) != state["status"]:
        return "its exit status there is not that of a run that is %s" % state["status"]
    return "" if _has_ended_as(directory, state) else "it changed while it was copied"


def _write_notes(directory: str, state: State) -> None:
    from ..store import attempts

    _set_waiting(directory, state)
    if state["status"] not in ("pending", "staged"):
        rundir.unmark(directory, rundir.LOCK_TRIAL)  # the remote has it, and has started it
    if state["status"] != "lost":
        rundir.unmark(directory, rundir.LOCK_LOST)
    rundir.unmark(directory, rundir.LOCK_CLEANED)  # it is there
    left_out.write_note(directory, left_out.LEFT_OUT, state["left_out"])
    left_out.write_note(directory, left_out.INPUTS, state["inputs"])
    left_out.write_note(directory, left_out.LINKS, state["links"])
    rundir.note_unreadable(directory, state["unreadable"])
    counts = attempts.Counts(state["retries"], state["stalls"])
    attempts.settle_counts(rundir.guild_dir(directory), counts)
    _remove_unfinished(directory)


def _confirm(directory: str, state: State, remote: str, began: Optional[int]) -> None:
    if began is not None:
        rundir.confirm(directory, remote, began, state["stamp"])


def tidy(home: str, ids: Sequence[str]) -> None:
    """Remove from copies, of which nothing is to be copied, what a killed guild has left there."""
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        if not rundir.why_linked(directory):
            _remove_unfinished(directory)


def _remove_unfinished(directory: str) -> None:
    """Remove what a killed guild had not finished writing."""
    guild = rundir.guild_dir(directory)
    for name in (".", "attrs"):
        if inside.is_folder(guild, name):
            atomic.remove_unfinished(guild, name, identity.is_gone)


def _set_waiting(directory: str, state: State) -> None:
    """Give the copy the marks of a run that waits there, or none."""
    for name, status in ((rundir.PENDING, "pending"), (rundir.STAGED, "staged")):
        if state["status"] != status:
            rundir.unmark(directory, name)
        elif not inside.exists(rundir.guild_dir(directory), name):
            rundir.mark(directory, name, flushed=False)


def confirm_unchanged(home: str, states: Dict[str, State], remote: str) -> List[str]:
    """The runs of which nothing has changed since they were copied from `remote`; their ids.

    That is the remote's word for them now.
    """
    at = time.time_ns() // 1000
    found = []
    for run_id, state in states.items():
        directory = rundir.run_dir(home, run_id)
        known = _known_unchanged(directory, state, remote)
        if known is not None:
            rundir.confirm_again(directory, remote, at, known)
            found.append(run_id)
    return found


def unchanged(home: str, states: Dict[str, State], remote: str) -> List[str]:
    """The runs that are not over, and whose stamps are those that were kept with the copies."""
    return [
        run_id
        for run_id, state in states.items()
        if _known_unchanged(rundir.run_dir(home, run_id), state, remote) is not None
    ]


def _known_unchanged(directory: str, state: State, remote: str) -> Optional[Confirmed]:
    """The remote's last word for a copy that is still right; None where it is not."""
    known = rundir.confirmed(directory)
    is_right = (
        known is not None
        and bool(known["stamp"])
        and known["stamp"] == state["stamp"]
        and rundir.status(directory) == rundir.Status(state["status"] or "", remote)
        and not rundir.has_empty_attr(directory)
    )
    return known if is_right else None


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
    atomic.write_in(guild, rundir.LOCK_LOST, remote + "\n")
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
    atomic.write_in(rundir.guild_dir(directory), rundir.LOCK_REMOTE, now.remote + "\n")
    if _was_staged(directory):
        rundir.mark(directory, rundir.STAGED)
    rundir.unmark(directory, rundir.LOCK_LOST)
    return {"id": run_id, "remote": now.remote}


def _was_staged(directory: str) -> bool:
    """Whether the run waited to be started when it was copied last."""
    staged, started = rundir.read_attrs(directory, ("staged", "started")).values()
    return isinstance(staged, int) and not (isinstance(started, int) and started > staged)


def _has_ended_as(directory: str, state: State) -> bool:
    # `started` too: it tells an end from that of the same run before it was restarted.
    told = (state["exit_status"], state["stopped"], state["started"])
    here = rundir.read_attrs(directory, (*rundir.END, "started"))
    return tuple(here.values()) == told


def _is_settled(directory: str, here: Optional[rundir.Status], state: State) -> bool:
    """Whether the run, whose status is `here`, has ended as it has ended there."""
    return (
        state["status"] in protocol.FINAL
        and here == rundir.Status(state["status"])
        and inside.exists(rundir.guild_dir(directory), "opref")
        and _has_ended_as(directory, state)
    )


def end(home: str, incoming: str, ids: Sequence[str], remote: str = "") -> Dict[str, str]:
    """Remove the folder for unfinished files, and the runs of which nothing but marks came.

    Returns why for each run in whose place a link has come: a copy brings no link there. It is
    removed, and with the name of the remote the run is marked as that one's once more.
    """
    linked = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        guild = rundir.guild_dir(directory)
        if os.path.islink(directory):
            if rundir.why_not_followed(home, directory):
                os.unlink(directory)
                linked[run_id] = "a link came in place of its directory, and was removed"
        elif os.path.islink(guild):
            os.unlink(guild)
            linked[run_id] = "a link came in place of its .guild, and was removed"
        elif inside.is_folder(guild) and set(inside.names(guild)) <= _MARKS:
            if os.listdir(directory) == [".guild"]:
                os.rename(directory, os.path.join(incoming, run_id))  # whole, or gone
        if run_id in linked and remote:
            _make(directory, remote, incoming)
    trees.remove_tree(incoming)
    return linked
