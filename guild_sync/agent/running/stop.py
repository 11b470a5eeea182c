"""End runs: their runners are told to, and pass it on to their operations' process groups.

A runner passes on SIGTERM, and makes SIGKILL of SIGQUIT: it lives on to write down how
its operation ended. Only a runner that answers to neither is killed itself.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Dict, Optional, Sequence

from ..catalog import changes
from ..errors import AgentError
from ..machine import processes
from ..protocol import KILL, KILL_RUNNER, TERM, Changed, Waited
from ..store import inside, locks, rundir

_HOW = (TERM, KILL, KILL_RUNNER)
_GRACE = 2.0  # seconds in which Guild AI's guild writes down how its operation ended


def signal_runs(home: str, ids: Sequence[str], how: str = TERM) -> Changed:
    """Tell running runs to end. `how`: "term", "kill", or "kill-runner" as the last resort."""
    if how not in _HOW:
        raise AgentError("%s is no way to end a run" % rundir.shown(how))
    return changes.each(
        ids, lambda run_id: _end(rundir.existing(rundir.run_dir(home, run_id)), how)
    )


def _end(directory: str, how: str) -> None:
    guild = rundir.guild_dir(directory)
    state = rundir.status(directory)
    if state.remote is not None:
        raise AgentError("it is %s on %s" % (state.text, state.remote))
    pid = locks.holder(guild)
    if pid is None:
        raise AgentError("it is not running: it is %s" % state.text)
    if pid == 0:
        raise AgentError("it is just being started or just ending")
    record = locks.owner(guild, pid)
    if record is not None and record.get("host") != socket.gethostname():
        raise AgentError("it is running on the machine %s, on this disk" % record.get("host"))
    try:
        if record is not None and how != KILL_RUNNER:
            processes.send(pid, signal.SIGTERM if how == TERM else signal.SIGQUIT)
        elif how == TERM:
            # Guild AI's: this is its operation, in the group of the guild that waits for it.
            processes.send(pid, signal.SIGTERM)
        else:
            _kill_all(pid)
    except ProcessLookupError:
        pass  # it has just ended


def _kill_all(pid: int) -> None:
    below = processes.descendants(pid)
    groups = processes.groups_of(below)
    processes.send(pid, signal.SIGKILL)
    for group in groups:
        processes.signal_group(group, signal.SIGKILL)
    for child in below:
        try:
            processes.send(child, signal.SIGKILL)
        except ProcessLookupError:
            pass


def wait_runs(home: str, ids: Sequence[str], seconds: float) -> Waited:
    """Wait until the runs have ended, no longer than `seconds`.

    Returns `running`, the ids of those that have not, and `status` of each that has.
    """
    deadline = time.monotonic() + seconds
    waiting = {run_id: rundir.run_dir(home, run_id) for run_id in ids}
    gone: Dict[str, float] = {}  # since when nobody holds the run
    while True:
        live = []
        for run_id, directory in list(waiting.items()):
            pid = locks.holder(rundir.guild_dir(directory))
            if pid is not None:
                live.append(pid)
            elif not _is_being_recorded(directory, gone.setdefault(run_id, time.monotonic())):
                del waiting[run_id]
        left = deadline - time.monotonic()
        if not waiting or left <= 0:
            break
        # A pid of 0 is that of a lock just being taken or given back.
        known = [] if set(gone) & set(waiting) or 0 in live else live
        processes.wait_for_an_end(known, min(left, processes.SLICE if known else 0.05))
    ended = [run_id for run_id in ids if run_id not in waiting]
    return {"running": list(waiting), "status": {i: _status(home, i) for i in ended}}


def _is_being_recorded(directory: str, since: float) -> bool:
    """Whether another guild may be about to write down how its operation ended.

    Guild AI does so after it has removed the lock; a runner of ours, before.
    """
    guild = rundir.guild_dir(directory)
    return (
        inside.is_folder(guild)
        and not inside.exists(guild, "attrs/exit_status")
        and not inside.exists(guild, locks.OWNER)
        and time.monotonic() - since < _GRACE
    )


def _status(home: str, run_id: str) -> Optional[str]:
    directory = rundir.run_dir(home, run_id)
    return rundir.status(directory).text if os.path.isdir(directory) else None
