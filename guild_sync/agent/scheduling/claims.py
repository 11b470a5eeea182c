"""Which job runs a run: it claims the run, so that no two of them do; and what tells it to end."""

from __future__ import annotations

import json
import os
import signal
import time
from types import FrameType
from typing import Mapping, NamedTuple, Optional

from ..errors import AgentError
from ..protocol import FINAL, PBS, RUN_ID, TIME_LIMIT, said_of
from ..store import inside, locks, rundir
from . import records
from .records import Record

# Seconds in which whoever else holds the run lets go of it. What holds it longer is the record of
# a process of another machine, killed with it.
_PATIENCE = 20.0
_LOOK = 0.05
# Seconds after which each machine sees what another has written: attributes of NFS.
SEEN = 60.0
_SEEN_LOOK = 0.5
_MOST = 4096  # bytes of a claim


class Claim(NamedTuple):
    """A job that runs a run, and how often its scheduler has started it again by then."""

    job: str
    restarts: int = 0


def own(kind: str, variables: Mapping[str, str]) -> Optional[Claim]:
    """The job of a scheduler that this process is, by what that sets; None where it is none."""
    if kind == PBS:
        job = variables.get("PBS_JOBID", "")
        return Claim(job) if job else None
    array, task = (variables.get("SLURM_ARRAY_%s_ID" % name, "") for name in ("JOB", "TASK"))
    job = "%s_%s" % (array, task) if array and task else variables.get("SLURM_JOB_ID", "")
    restarts = variables.get("SLURM_RESTART_COUNT", "")
    return Claim(job, int(restarts) if restarts.isdigit() else 0) if job else None


def read(directory: str) -> Optional[Claim]:
    """The job that has claimed the run; None where none has."""
    found = inside.read_mapping(rundir.guild_dir(directory), records.CLAIM, _MOST)
    job, restarts = found.get("job"), found.get("restarts")
    return Claim(job, restarts) if isinstance(job, str) and isinstance(restarts, int) else None


def claim(directory: str, mine: Claim) -> str:
    """Claim the run for a job; why another has it, or nothing where it is this job's now.

    The same job has it again where its scheduler has started it once more.
    """
    guild = rundir.guild_dir(directory)
    name = ".%s.%s.%d" % (records.CLAIM, os.urandom(8).hex(), os.getpid())
    with inside.holding(guild, records.CLAIM) as (handle, base):
        inside.write(handle, name, json.dumps(mine._asdict()), flushed=True)
        try:
            # Whoever is first has it, on each file system that more than one machine sees.
            os.link(name, base, src_dir_fd=handle, dst_dir_fd=handle, follow_symlinks=False)
        except FileExistsError:
            has = read(directory)
            if has is None or has.job != mine.job or has.restarts >= mine.restarts:
                return "job %s has it" % (has.job if has else "(of unknown id)")
            os.replace(name, base, src_dir_fd=handle, dst_dir_fd=handle)
        finally:
            inside.remove_at(handle, name)
    _note_job(directory, mine)
    return ""


def _note_job(directory: str, mine: Claim) -> None:
    """Have the run be known as the job that runs it: who has submitted it may have heard no id.

    That one writes its id first and then looks for a claim, and we do it the other way round: so
    the job that has claimed the run is the one that stays.
    """
    record = records.read(directory)
    if record is not None and record.id != mine.job:
        records.write(directory, record._replace(id=mine.job))


def join(home: str, directory: str, run_id: str) -> None:
    """Have a run that has begun within the job of another one be a part of that.

    Where its machine is lost, or it is killed, nobody else would tell its end.
    """
    if not RUN_ID.match(run_id):
        return
    whole = rundir.run_dir(home, run_id)
    record, claimed = records.read(whole), read(whole)
    if record is None or claimed is None:
        return
    if rundir.is_job(directory):  # it came with the run, from elsewhere
        records.put_aside(home, directory)
    part = Record(
        *(record.scheduler, record.site, record.name, record.at, claimed.job, record.task),
        agent=record.agent,
        time=record.time,
        within=run_id,
        restarts=claimed.restarts,
        folder=directory,
    )
    records.expect(home, os.path.basename(directory))
    records.write(directory, part, flushed=False)


class Allocation:
    """A job of a scheduler as its runner knows it: what it is told, and why it may end."""

    def __init__(self, record: Record, claimed: Claim) -> None:
        self.is_out_of_time = False
        self._record = record
        self._claimed = claimed

    def heed(self) -> None:
        """Take the signal that announces the end of the job's time for one that ends it."""
        signal.signal(signal.SIGUSR2, self._note_time)

    def _note_time(self, _signum: int, _frame: Optional[FrameType]) -> None:
        self.is_out_of_time = True
        os.kill(os.getpid(), signal.SIGTERM)

    @property
    def ended_by(self) -> str:
        """What its operation was ended by; empty where only its scheduler can tell."""
        return ("%s %s" % (TIME_LIMIT, self._record.time)).strip() if self.is_out_of_time else ""

    def is_left(self, directory: str) -> bool:
        """Whether a runner that was told to end leaves its run to the scheduler, which may start
        the job once more; not where its time is over, or guild has stopped it."""
        is_told = inside.exists(rundir.guild_dir(directory), records.STOP)
        return self._record.requeue and not self.is_out_of_time and not is_told

    def await_required(self, directory: str) -> None:
        """Wait until the ends of the runs that the job has waited for are seen on this machine.

        A client of NFS may not know yet what another has written. Raises AgentError (kind "unmet")
        where one has not completed: a scheduler that knows a job no more takes it for done.
        """
        above, name = os.path.split(directory)
        until = time.monotonic() + SEEN
        for run_id in self._record.after:
            other = os.path.join(above, run_id)
            while (text := _status(other)) not in FINAL and time.monotonic() < until:
                time.sleep(_SEEN_LOOK)
            if text != "completed":
                raise AgentError(
                    "run %s cannot start: it requires run %s, and %s"
                    % (name, run_id, said_of(text)),
                    kind="unmet",
                )

    def hold(self, guild: str) -> Optional[int]:
        """The run's lock, as `locks.hold`, once whoever looks at the run has let go of it.

        What a job was before it was started again has ended.
        """
        until = time.monotonic() + (0 if self._claimed.restarts else _PATIENCE)
        while (held := locks.hold(guild)) is None and time.monotonic() < until:
            time.sleep(_LOOK)
        # The claim is ours: no other job runs it, and no machine starts what is a job.
        return held if held is not None else locks.hold(guild, force=True)

    def enter(self, directory: str) -> None:
        """Let a run that is held begin, one that its scheduler has started again from its
        beginning. Raises AgentError where it is another's by now, or has ended."""
        name = os.path.basename(directory)
        if read(directory) != self._claimed or not rundir.is_job(directory):
            raise AgentError("run %s is not job %s any more" % (name, self._claimed.job))
        if not self._claimed.restarts:
            return
        if rundir.read_attr(directory, "exit_status") is not None:
            raise AgentError("run %s has ended" % name)
        rundir.mark(directory, rundir.PENDING)
        rundir.put_attempt_aside(directory)


def _status(directory: str) -> str:
    """The status of a run that another machine may have run."""
    try:
        # What is in a folder is asked of its server anew where it is opened to be listed.
        inside.names(rundir.guild_dir(directory), "attrs")
    except OSError:  # it is gone
        pass
    return rundir.status(directory).text
