"""Runs that are jobs, ended: their scheduler is told so, at one go for all of a request."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Sequence, Union

from ..errors import AgentError
from ..protocol import FINAL, KILL, KILL_RUNNER, TERM, Changed, said_of
from ..scheduling import claims, records
from ..scheduling.claims import Claim
from ..scheduling.face import CANCELLED, ENDED, JobState, SchedulerDown
from ..scheduling.records import STOP, Record
from ..store import atomic, inside, rundir
from . import batches, looks, verdicts

_BUSY = "its job is just being submitted"


class _Job(NamedTuple):
    """A run that is to end, and what its files said before that was told."""

    run_id: str
    directory: str
    record: Record
    waits: bool
    claim: Optional[Claim]

    @property
    def is_known(self) -> bool:
        """Whether its scheduler knows the job, by its name too: an id may be another's now."""
        return self.record.over is None


def stop(home: str, ids: Sequence[str], how: str) -> Changed:
    """Tell runs that are jobs to end, in one of the ways that a run ends.

    One that waits has ended then. Raises AgentError (kind "scheduler") where nobody can be told.
    """
    if down := looks.look_once(home, ids):
        raise AgentError(down, kind="scheduler")
    refused: Dict[str, str] = {}
    jobs: Dict[str, _Job] = {}
    of_batches = {run_id: each for run_id in ids if (each := _trials(home, run_id)) is not None}
    for run_id in [run_id for named in ids for run_id in of_batches.get(named, [named])]:
        found = _job(home, run_id)
        if isinstance(found, _Job):
            jobs[run_id] = found
        elif run_id in ids or found == _BUSY:
            refused[run_id] = found
    # A batch is all of its trials, or, where one of them is just being submitted, none.
    for batch, trials in of_batches.items():
        if busy := [run_id for run_id in trials if run_id in refused]:
            refused[batch] = refused.pop(busy[0])
            jobs = {run_id: job for run_id, job in jobs.items() if run_id not in trials}
    told = [batch for batch in of_batches if batch not in refused]
    for batch in told:
        atomic.write_in(rundir.guild_dir(rundir.run_dir(home, batch)), STOP, how, flushed=False)
    for group in looks.by_scheduler(jobs.values()):
        _tell(home, group, how)
    for batch in told:
        batches.settle(home, rundir.run_dir(home, batch))
    done = [run_id for run_id in ids if run_id in jobs or run_id in told]
    return {"done": done, "refused": refused}


def _trials(home: str, run_id: str) -> Optional[List[str]]:
    """The trials that are not over, where the run is a batch of such that runs."""
    directory = rundir.run_dir(home, run_id)
    record = records.read(directory)
    if record is None or record.trials is None or rundir.status(directory).text != "running":
        return None
    return batches.open_trials(home, directory)


def is_killed(directory: str) -> bool:
    """Whether a job was told to end by more than a signal to its operation."""
    return rundir.read_text(rundir.guild_dir(directory), STOP) in (KILL, KILL_RUNNER)


def _job(home: str, run_id: str) -> Union[_Job, str]:
    """The run, or why it cannot be ended."""
    directory = rundir.run_dir(home, run_id)
    claim, record = claims.read(directory), records.read(directory)
    status = rundir.status(directory).text
    if status in FINAL:
        return "it is not running: %s" % said_of(status)
    if record is None or not record.id:
        return _BUSY
    if not looks.is_own(directory):
        return "its job is another login's"
    return _Job(run_id, directory, record, status == "pending", claim)


def _tell(home: str, jobs: Sequence[_Job], how: str) -> None:
    """Tell a scheduler of jobs that are to end; those that wait have ended by that."""
    with inside.flushed_together([home]):
        marked = [j for j in jobs if inside.write_first(rundir.guild_dir(j.directory), STOP, how)]
    waiting = [job for job in jobs if job.waits]
    running = [job for job in jobs if not job.waits]
    site = jobs[0].record
    try:
        scheduler = records.scheduler(site.scheduler, site.site)
        if ids := [job.record.id for job in waiting if job.is_known]:
            scheduler.cancel(ids)
        if ids := [job.record.id for job in running if job.is_known]:
            # The runner alone at first, which writes down how its operation ends; then all that
            # the job is; and the runner, where it does not end by that.
            signal = {TERM: "TERM", KILL: ""}.get(how, "KILL")
            scheduler.cancel(ids, signal)
    except (SchedulerDown, AgentError) as e:
        for job in marked:
            rundir.unmark(job.directory, STOP)
        if isinstance(e, AgentError):
            raise
        raise AgentError(str(e), kind="scheduler") from None
    for job in jobs if how != TERM else ():
        atomic.write_in(rundir.guild_dir(job.directory), STOP, how, flushed=False)
    with inside.flushed_together([home]):
        for job in waiting:
            if claims.read(job.directory) == job.claim:
                _end(home, job)


def _end(home: str, job: _Job) -> None:
    """Write the end of a run that waited, and whose runner has not begun meanwhile."""
    over = job.record.seen or JobState(job.record.id, "", "")
    if over.phase != ENDED:
        over = over._replace(phase=ENDED, word="CANCELLED", how=CANCELLED, reason="", starts=None)
        records.write(job.directory, job.record._replace(seen=over), flushed=False)
    end = verdicts.end_of(job.record, over, began=False, directory=job.directory)
    verdicts.pass_verdict(job.directory, end)
    records.forget(home, job.run_id)
