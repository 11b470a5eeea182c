"""End runs: their runners are told to, and pass it on to their operations' process groups.

A runner passes on SIGTERM, and makes SIGKILL of SIGQUIT: it lives on to write down how
its operation ended. Only a runner that answers to neither is killed itself.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Dict, Iterable, List, Optional, Sequence, Set

from ..catalog import changes
from ..errors import AgentError
from ..facts import ends
from ..machine import operation_process, processes
from ..protocol import KILL, KILL_RUNNER, TERM, Changed, Waited, now, said_of
from ..store import identity, inside, locks, rundir
from ..store.identity import Identity

_HOW = (TERM, KILL, KILL_RUNNER)
_JOBS_PAUSE = 0.3  # between two looks at files that other machines write
_ASKS = 3.0  # until a scheduler is asked of those that it was told to kill
_GRACE = 2.0  # seconds in which Guild AI's guild writes down how its operation ended


def signal_runs(home: str, ids: Sequence[str], how: str = TERM) -> Changed:
    """Tell running runs to end. `how`: "term", "kill", or "kill-runner" as the last resort."""
    if how not in _HOW:
        raise AgentError("%s is no way to end a run" % rundir.shown(how))
    jobs = [run_id for run_id in ids if _is_job(home, run_id)]
    told = changes.each(
        [run_id for run_id in ids if run_id not in jobs],
        lambda run_id: _end(rundir.existing(rundir.run_dir(home, run_id)), how),
    )
    if not jobs:
        return told
    from ..judging import stopping

    of_jobs = stopping.stop(home, jobs, how)
    return {
        "done": [*told["done"], *of_jobs["done"]],
        "refused": {**told["refused"], **of_jobs["refused"]},
    }


def _is_job(home: str, run_id: str) -> bool:
    """Whether a run is a job of this host, which its scheduler ends: not a part of one."""
    directory = rundir.run_dir(home, run_id)
    is_ours = rundir.is_job(directory) and rundir.status(directory).remote is None
    return is_ours and not _whole_of(directory)


def _whole_of(directory: str) -> str:
    """The run of whose job another is a part; empty where it is none."""
    if not rundir.is_job(directory):
        return ""
    from ..scheduling import records  # most runs are no jobs

    record = records.read(directory)
    return record.within if record else ""


def _end(directory: str, how: str) -> None:
    guild = rundir.guild_dir(directory)
    state = rundir.status(directory)
    if state.remote is not None:
        raise AgentError("it is %s on %s" % (state.text, state.remote))
    holder = locks.held_by(guild)
    if holder is None:
        raise AgentError("it is not running: %s" % said_of(state.text))
    if holder.machine is not None:
        raise AgentError("it is running on %s, and can be stopped there" % holder.machine)
    if holder.pid == 0:
        recorded = locks.owner(guild)
        if recorded is not None:
            identity.lives(recorded)  # where that cannot be told, it says so
        raise AgentError("it is just being started or just ending")
    runner = locks.owner(guild, holder.pid)
    try:
        if runner is not None:
            _tell(runner, guild, how)
        else:
            _tell_guild_ai(identity.of(holder.pid), directory, how)
    except ProcessLookupError:
        pass  # it has just ended


def _tell(runner: Identity, guild: str, how: str) -> None:
    if how == KILL_RUNNER:
        _kill_all(runner, *_operation_of(guild))
    else:
        identity.send(runner, signal.SIGTERM if how == TERM else signal.SIGQUIT)


def _tell_guild_ai(operation: Identity, directory: str, how: str) -> None:
    """End a run of Guild AI: its lock names the operation, in the group of guild itself.

    Its lock has a number alone: that the process is this run's, its surroundings must tell.
    """
    if not identity.works_in(operation.pid, directory):
        raise AgentError("process %d is another's, and not this run's" % operation.pid)
    if how == TERM:
        identity.send(operation, signal.SIGTERM)
    else:
        _kill_all(operation)


def _operation_of(guild: str) -> List[Identity]:
    """What lives of the run's operation, below its runner or not."""
    operation = operation_process.of_run(guild)
    return operation_process.living(operation) if operation else []


def _kill_all(top: Identity, *others: Identity) -> None:
    """Kill a process and all below it, and others, each told by more than its number."""
    if not identity.lives(top):
        return
    for process in [top, *processes.below(top.pid), *others]:
        try:
            identity.send(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def call_ended(home: str, ids: Sequence[str]) -> Changed:
    """Write down, on a person's word, that runs of another machine on this disk have ended."""
    return changes.each(
        ids, lambda run_id: _write_end(rundir.existing(rundir.run_dir(home, run_id)))
    )


def _write_end(directory: str) -> None:
    guild = rundir.guild_dir(directory)
    machine = rundir.machine(directory)
    if machine is None:
        text = rundir.status(directory).text
        raise AgentError("it does not run on another machine: it is %s" % text)
    if whole := _whole_of(directory):
        raise AgentError("it runs in the job of run %s, and ends with that" % whole)
    held = locks.hold(guild, force=True)
    if held is None:
        raise AgentError("it is running on %s, whose lock holds here too" % machine)
    try:
        rundir.write_attr(directory, "stopped", now())
        rundir.write_attr(directory, "exit_status", -int(signal.SIGKILL))
    finally:
        locks.release(guild, held)


def wait_runs(home: str, ids: Sequence[str], seconds: float) -> Waited:
    """Wait until the runs have ended, no longer than `seconds`.

    Returns `running`, the ids of those that have not, and `status` of each that has.
    """
    deadline = time.monotonic() + seconds
    waiting = {run_id: rundir.run_dir(home, run_id) for run_id in ids}
    jobs = {run_id for run_id in ids if _is_job(home, run_id)}
    asks = time.monotonic() + _ASKS
    gone: Dict[str, float] = {}  # since when nobody holds the run
    while True:
        live = []
        for run_id, directory in list(waiting.items()):
            if run_id in jobs:  # nobody here sees its runner
                if not _is_going_on(directory):
                    del waiting[run_id]
                continue
            pid = locks.holder(rundir.guild_dir(directory))
            if pid is not None:
                live.append(pid)
            elif not _is_being_recorded(directory, gone.setdefault(run_id, time.monotonic())):
                del waiting[run_id]
        left = deadline - time.monotonic()
        if not waiting or left <= 0:
            break
        if jobs and time.monotonic() > asks and _are_killed(waiting.values()):
            _look(home, jobs.intersection(waiting))
            asks = time.monotonic() + _ASKS
        # A pid of 0 is that of a lock just being taken or given back.
        known = [] if set(gone) & set(waiting) or 0 in live else live
        pause = processes.SLICE if known else _JOBS_PAUSE if jobs and not live else 0.05
        ends.wait_for_one(known, min(left, pause))
    if left_jobs := jobs.intersection(waiting):
        _look(home, left_jobs)
        waiting = {i: d for i, d in waiting.items() if i not in left_jobs or _is_going_on(d)}
    ended = [run_id for run_id in ids if run_id not in waiting]
    return {"running": list(waiting), "status": {i: _status(home, i) for i in ended}}


def _look(home: str, jobs: Set[str]) -> None:
    """Ask the scheduler of jobs that leave no word: their runners may have been killed."""
    from ..judging import looks

    looks.look(home, jobs)


def _are_killed(directories: Iterable[str]) -> bool:
    """Whether any of these jobs was told to end by more than a signal that it may heed."""
    from ..judging import stopping

    return any(map(stopping.is_killed, directories))


def _is_going_on(directory: str) -> bool:
    """Whether a run that is a job has no end yet."""
    from ..judging import verdicts

    return not verdicts.has_end(directory) and os.path.isdir(directory)


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
