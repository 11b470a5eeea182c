"""The runs here that are copies, and the remotes that know how they are."""

from __future__ import annotations

import os
from functools import partial
from typing import Dict, List, Optional, Sequence, Tuple

from .. import protocol
from ..protocol import MANY_RUNS, moment_of
from ..store import inside, locks, rundir


def tracked(home: str) -> List[Tuple[str, str]]:
    """The runs here that a sync asks their remotes for, the latest first, and their remotes.

    They are the copies of runs that are not over, by their mark; and those that only look as
    if they waited here, because another program or a kill left them a mark. For these no
    remote is named where the copy does not say of whom it is one.
    """
    above = rundir.runs_dir(home) + "/"
    keyed = []
    for name in _maybe_open(home):
        remote = _remote_to_ask(above + name)
        if remote is not None:
            keyed.append((rundir.time_of(above + name) or 0, name, remote))
    return [(name, remote) for _, name, remote in sorted(keyed, reverse=True)]


def _maybe_open(home: str) -> Sequence[str]:
    names = rundir.names(rundir.runs_dir(home))
    if len(names) < MANY_RUNS:  # before a module is imported that few syncs need
        return names
    from ..remembering import looks

    with looks.of(home, names=names) as seen:
        return seen.maybe_open()


def _remote_to_ask(directory: str) -> Optional[str]:
    # Some looks a run, and 10,000 runs: nothing is read before it is known to be there.
    try:
        handle = inside.opened(directory + "/.guild")
    except OSError:
        return None
    try:
        has = partial(os.access, mode=os.F_OK, dir_fd=handle)
        if has(rundir.LOCK_REMOTE):
            if has(rundir.LOCK_TRIAL):
                return None  # who deals it asks
            remote = rundir.status(directory).remote
            return None if remote is None or remote.startswith(protocol.PUSH) else remote
        if has(rundir.PENDING) or has(rundir.STAGED):
            return _remote_of_waiting(directory)
        return _remote_of_torn(directory) if has(rundir.LOCK_CONFIRMED) else None
    finally:
        os.close(handle)


def _remote_of_torn(directory: str) -> Optional[str]:
    """The remote of a copy that a power cut has left without its end; None for one that has it."""
    if rundir.is_torn(directory) and not inside.exists(
        rundir.guild_dir(directory), rundir.LOCK_LOST
    ):
        copied = rundir.confirmed(directory)
        return str(copied["remote"]) if copied is not None else ""
    return None


def _remote_of_waiting(directory: str) -> Optional[str]:
    """The remote of a copy that has a mark of a run that waits; None for this machine's own."""
    copied = rundir.confirmed(directory)
    if copied is not None:
        return str(copied["remote"])
    host = rundir.read_attr(directory, "host")
    is_ours = host is None or host == os.uname().nodename
    is_ours = is_ours or inside.exists(rundir.guild_dir(directory), rundir.LOCK_IMPORTED)
    if is_ours or locks.holder(rundir.guild_dir(directory)) is not None:
        return None
    return ""


def absent(home: str, ids: Sequence[str]) -> List[str]:
    """Those of the runs that are not here, and were not deleted here."""
    return [run_id for run_id in ids if not any(_is_in(home, run_id, d) for d in (False, True))]


def deleted(home: str, ids: Sequence[str]) -> List[str]:
    """Those of the runs that were deleted here: they are in the trash."""
    return [i for i in ids if _is_in(home, i, True) and not _is_in(home, i, False)]


def _is_in(home: str, run_id: str, deleted: bool) -> bool:
    return os.path.lexists(rundir.run_dir(home, run_id, deleted))


def overview(home: str) -> Dict[str, protocol.Overview]:
    """Of each remote that runs here came from: how many have which status, and the open ones.

    `open` has those that are not over: id, status, and when the remote last gave its word
    for them, in microseconds since 1970.
    """
    top = rundir.runs_dir(home)
    found: Dict[str, protocol.Overview] = {}
    for name in sorted(rundir.names(top)):
        directory = top + "/" + name
        remote, confirmed = origin(directory)
        if remote is None:
            continue
        text = rundir.status(directory).text
        of_remote = found.setdefault(remote, {"runs": {}, "open": []})
        of_remote["runs"][text] = of_remote["runs"].get(text, 0) + 1
        if text not in (*protocol.FINAL, "lost"):
            of_remote["open"].append((name, text, confirmed))
    return found


def origin(directory: str) -> Tuple[Optional[str], int]:
    """The remote that a run is a copy from, and the time of its last word; None for no copy."""
    guild = rundir.guild_dir(directory)
    mark = _mark_of_copy(guild)
    if mark is None:
        return None, 0
    copied = rundir.confirmed(directory)
    remote = rundir.status(directory).remote or (copied["remote"] if copied else None)
    if remote is None or remote.startswith(protocol.PUSH):
        return None, 0
    if copied is not None:
        return remote, copied["time"]
    found = inside.status(guild, mark)  # a copy that was begun, and not confirmed yet
    return remote, found.st_mtime_ns // 1000 if found is not None else 0


def copies(home: str, ids: Sequence[str]) -> Dict[str, protocol.Copy]:
    """Those of the runs that are copies: of which remote, what of it a copy left out, and whether
    it was removed there since, by `cleaned.clean`."""
    from ..files.left_out import inputs_of, left_out_of  # most syncs have no use for it

    found: Dict[str, protocol.Copy] = {}
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        remote = origin(directory)[0]
        if remote is not None:
            cleaned = rundir.read_text(rundir.guild_dir(directory), rundir.LOCK_CLEANED)
            found[run_id] = {
                "remote": remote,
                "left_out": left_out_of(directory),
                "inputs": inputs_of(directory),
                "cleaned": cleaned == remote + "\n",
            }
    return found


def home_ids(home: str, remote: Optional[str] = None) -> List[str]:
    """The runs here that are home: whole copies of runs that are over, of `remote` or of any."""
    top = rundir.runs_dir(home)
    found = []
    for name in rundir.names(top):
        directory = top + "/" + name
        origin_of = origin(directory)[0]
        if origin_of is not None and remote in (None, origin_of):
            now = rundir.status(directory)
            if now.remote is None and now.text in protocol.FINAL and not rundir.is_torn(directory):
                found.append(name)
    return found


def _mark_of_copy(guild: str) -> Optional[str]:
    """The first that there is of the marks that only a copy has."""
    try:
        handle = inside.opened(guild)
    except OSError:
        return None
    try:
        marks = (rundir.LOCK_CONFIRMED, rundir.LOCK_REMOTE, rundir.LOCK_LOST)
        return next((m for m in marks if os.access(m, os.F_OK, dir_fd=handle)), None)
    finally:
        os.close(handle)


def mend(home: str, ids: Sequence[str]) -> List[str]:
    """Remove marks of waiting that are older than the end of their run; the ids of such runs.

    Source: Guild AI 0.9's pull copies such marks, and removes none once the run has ended.
    """
    mended = []
    for run_id in ids:
        directory = rundir.run_dir(home, run_id)
        if _has_ended_since(directory):
            for name in (rundir.PENDING, rundir.STAGED):
                rundir.unmark(directory, name)
            mended.append(run_id)
    return mended


def _has_ended_since(directory: str) -> bool:
    stopped = moment_of(rundir.read_attr(directory, "stopped"))
    if rundir.read_attr(directory, "exit_status") is None or stopped is None:
        return False
    for name in (rundir.PENDING, rundir.STAGED):
        found = inside.status(rundir.guild_dir(directory), name)
        if found is not None and found.st_mtime > stopped / 1e6:
            return False
    return True
