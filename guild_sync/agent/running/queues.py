"""The operation of a queue: it starts the staged runs of its host, one at a time.

Which of several queues starts a run, the run's lock decides. Told to end, a queue lets
the run that it started finish first; killed, it leaves that run running.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
from typing import Any, Iterator, List, NamedTuple, Optional, Set

from ..errors import AgentError
from ..machine.processes import ENDING
from ..protocol import DEVICES
from ..staging import spawn
from ..store import inside, locks, rundir
from ..store.job import read_job
from .saying import say

# A word of the command line of a queue; one of an earlier version does not have it.
WAITS = "wait-for-running"
# How many GPUs, or which: what one of an earlier version has is which.
COUNT, WHICH = "count=", "device="


class Staged(NamedTuple):
    """A run that waits to be started, and since when (microseconds since 1970)."""

    since: int
    run_id: str


def staged_runs(home: str) -> List[Staged]:
    """The runs that wait on this host, in the order in which they were staged.

    A copy of a remote's staged run waits on that remote, a pending one for its guild, one out of
    an archive for a person to start it, and a trial of a batch for one of several remotes.
    """
    return sorted(_staged(home))


def _staged(home: str) -> Iterator[Staged]:
    top = rundir.runs_dir(home)
    for name in rundir.names(top):
        directory = os.path.join(top, name)
        if not inside.exists(rundir.guild_dir(directory), rundir.STAGED):
            continue
        if (
            rundir.status(directory) == rundir.Status("staged")
            and rundir.confirmed(directory) is None
            and not inside.exists(rundir.guild_dir(directory), rundir.LOCK_IMPORTED)
            and not inside.exists(rundir.guild_dir(directory), rundir.LOCK_TRIAL)
        ):
            yield Staged(_since(directory), name)


def _since(directory: str) -> int:
    for name in ("staged", "initialized"):
        value = rundir.read_attr(directory, name)
        if isinstance(value, int):
            return value
    return 0


def running_runs(home: str) -> List[str]:
    """The ids of the runs that run on this machine and are no queues."""
    top = rundir.runs_dir(home)
    return [name for name in rundir.names(top) if _runs_here(os.path.join(top, name))]


def _runs_here(directory: str) -> bool:
    if rundir.status(directory) != rundir.Status("running"):
        return False
    opref = rundir.opref(directory)
    is_queue = (opref["type"], opref["name"]) == ("builtin", "queue")  # of Guild AI's, too
    return not is_queue and rundir.machine(directory) is None


def _gpus_of(directory: str, default: str) -> str:
    """The GPUs that a run was staged to have or to see, as a word of a queue's command line."""
    job = read_job(directory)
    if count := (job.get("needs") or {}).get("gpus"):
        return "%s%d" % (COUNT, count)
    env = job.get("env") or {}
    return WHICH + env[DEVICES] if DEVICES in env else default


def main(home: str, interval: float, once: bool, *more: str) -> int:
    """Be a queue until told to end, or with `once` until no run can be started; the exit status.

    `more` is WAITS, for one that starts none while others run, and behind it the GPUs of one
    that starts no run which was staged to see others.
    """
    waits = more[:1] == (WAITS,)
    return Queue(home, interval, once, waits, *more[waits : waits + 1]).run()


class Queue:
    """What a queue knows: whether it is to end, and which runs it cannot start."""

    def __init__(
        self, home: str, interval: float, once: bool, waits: bool, gpus: Optional[str] = None
    ) -> None:
        self._home = home
        is_plain = gpus is not None and not gpus.startswith((COUNT, WHICH))
        self._gpus = "%s%s" % (WHICH, gpus) if is_plain else gpus
        self._interval = interval
        self._once = once
        self._waits = waits
        self._waiting_for: List[str] = []
        self._ending = False
        self._current = ""
        self._started = 0
        self._passed_over: Set[Staged] = set()
        self._told: Set[Staged] = set()  # that they wait for what they require

    def run(self) -> int:
        wake, write_end = os.pipe()
        for fd in (wake, write_end):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(write_end)
        for signum in ENDING:
            signal.signal(signum, self._end)
        waiting = False
        while not self._ending:
            if self._start_next():
                waiting = False
            elif self._once:
                break
            else:
                if not waiting and not self._waiting_for:
                    say("Waiting for staged runs")
                waiting = True
                select.select([wake], [], [], self._interval)
        runs_started = "1 run" if self._started == 1 else "%d runs" % self._started
        say("The queue has ended: it started %s" % runs_started)
        left = self._passed_over | {run for run in self._told if run in staged_runs(self._home)}
        return 1 if left and self._once else 0

    def _end(self, _signum: int, _frame: Any) -> None:
        self._ending = True
        if self._current:
            os.write(1, b"Ending when %s has ended\n" % self._current.encode())

    def _start_next(self) -> bool:
        """Start the first run that can be started and wait for its end; whether there was one."""
        for staged in staged_runs(self._home):
            if self._ending:
                return False
            if staged in self._passed_over:
                continue
            directory = rundir.run_dir(self._home, staged.run_id)
            if self._gpus is not None and self._gpus != _gpus_of(directory, self._gpus):
                continue
            if self._waits and self._others_run():
                return False
            try:
                runner = spawn.start_runner(directory, only="staged")
            except (AgentError, OSError) as e:
                self._tell_why(staged, directory, e)
                continue
            self._started += 1
            self._wait_for(staged.run_id, directory, runner)
            return True
        return False

    def _others_run(self) -> bool:
        """Whether a run is to end before the next one starts; which, is said once."""
        found = running_runs(self._home)
        if found and found != self._waiting_for:
            say("Waiting for runs to end: %s" % ", ".join(found))
        self._waiting_for = found
        return bool(found)

    def _wait_for(self, run_id: str, directory: str, runner: "subprocess.Popen[bytes]") -> None:
        self._current = run_id
        say("Started %s (%s)" % (run_id, rundir.opref(directory)["name"]))
        runner.wait()
        self._current = ""
        say("Run %s ended: %s" % (run_id, rundir.status(directory).text))

    def _tell_why(self, staged: Staged, directory: str, error: Exception) -> None:
        """Pass a run over that cannot be started, and say so; but not one that another has."""
        if isinstance(error, AgentError) and error.kind == "busy":
            return
        if isinstance(error, AgentError) and error.kind in ("unmet", "taken"):
            # What it waits for may be there, or free, the next time.
            if staged not in self._told:
                self._told.add(staged)
                say("Waiting: %s" % error.message)
            return
        taken = locks.holder(rundir.guild_dir(directory)) is not None
        if taken or rundir.status(directory).text != "staged":
            return
        self._passed_over.add(staged)
        message = error.message if isinstance(error, AgentError) else str(error)
        say("Cannot start %s: %s" % (staged.run_id, message))
