"""Runs that are jobs, looked at: their scheduler is asked once, and what it says is written down.

Asked where a run that a request is about may have news by it, and else not at all. Each run is read
before the scheduler is asked: what its files say then, the answer may belie, and not the other way
round.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import (
    Collection,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
)

from ..errors import AgentError
from ..protocol import ENDED_BY
from ..scheduling import claims, records, submitting
from ..scheduling.claims import Claim
from ..scheduling.face import (
    AGAIN,
    ENDED,
    HELD,
    WAITS,
    JobName,
    JobState,
    Scheduler,
    SchedulerDown,
    jobs_named,
)
from ..scheduling.records import JOB, STOP, Record
from ..store import inside, rundir
from . import batches, verdicts

# What one command asks in several requests of one process is one look.
_SAME_LOOK = 2.0  # seconds
# Seconds after which accounting has heard of an end: what runs by it then, does so for ever.
_ACCOUNTED = 600.0
# Exit statuses that a signal to the operation may have left, as shells have them.
_BY_SIGNAL = ("137", "143")
# An expected start has moved if it has by so many seconds, and by this part of the time until then.
_MOVES, _PART = 60, 10


class _OfJob(Protocol):
    """What has the record of a run's job."""

    @property
    def record(self) -> Record: ...


T = TypeVar("T", bound=_OfJob)


class _Case(NamedTuple):
    """A run that is a job, and what its files said before the scheduler was asked."""

    run_id: str
    directory: str
    record: Record
    exit_status: Optional[str]
    is_pending: bool
    claim: Optional[Claim]

    @property
    def is_being_submitted(self) -> bool:
        """Whether an answer may come yet that tells the job's id."""
        return not self.record.id and submitting.may_be_submitted(self.submitted, self.record)

    @property
    def submitted(self) -> str:
        """The directory of what is submitted: of a batch's trial that of the batch."""
        above = os.path.dirname(self.directory)
        return os.path.join(above, self.record.batch) if self.record.batch else self.directory

    @property
    def is_as_it_was(self) -> bool:
        """Whether it is the same job: the run may have been started again meanwhile."""
        found = records.read(self.directory)
        return found is not None and found.is_same_job(self.record)


_last: Dict[str, Tuple[float, Optional[str]]] = {}


def look_once(home: str, ids: Optional[Collection[str]]) -> Optional[str]:
    """As `look`, unless this process has just done so for this guild home."""
    at, said = _last.get(home, (0.0, None))
    if said is None or time.monotonic() - at > _SAME_LOOK:
        said = look(home, ids)
    return said


def look(home: str, ids: Optional[Collection[str]] = None) -> Optional[str]:
    """Look at the runs of a guild home whose jobs may not be over.

    Where any of `ids` has need of it, else of all, the scheduler is asked, and once. None: it was
    not asked; a text: why it cannot be, and empty where it has answered.
    """
    of_batches: List[str] = []
    cases = [case for run_id in records.open_ids(home) for case in _cases(home, run_id, of_batches)]
    is_asked = any(ids is None or case.run_id in ids or case.record.batch in ids for case in cases)
    said = ""
    if is_asked:
        for group in by_scheduler(cases):
            said = _looked(home, group) or said
        _last[home] = time.monotonic(), said
    for directory in of_batches:
        batches.settle(home, directory)
    return said if is_asked else None


def by_scheduler(cases: Iterable[T]) -> List[List[T]]:
    """The runs of each scheduler, which is asked, or told, of all of its own at once."""
    found: Dict[Tuple[str, ...], List[T]] = {}
    for case in cases:
        found.setdefault(case.record.asked, []).append(case)
    return [found[asked] for asked in sorted(found)]


def _cases(home: str, run_id: str, of_batches: List[str]) -> Iterator[_Case]:
    """The run, if its scheduler knows more of it; else what is left to be done for it is done.

    A batch, whose trials alone are jobs, is put among the others of its kind.
    """
    directory = rundir.run_dir(home, run_id)
    guild = rundir.guild_dir(directory)
    if not os.path.isdir(directory):
        return  # it may be in the trash, or on a disk that is not there for now
    record = records.read(directory)
    if not is_own(directory):
        return  # it is just being made, or another login's, whose jobs are not asked for
    if why := _why_of_none(directory, record):
        verdicts.pass_verdict(directory, verdicts.End(1, why))
        record = None
    if record is None:
        return
    if record.trials is not None:
        of_batches.append(directory)
        return
    code, ended_by = verdicts.end(directory)
    if code is not None and not _is_open(guild, code, ended_by):
        if verdicts.is_passed(directory):
            verdicts.finish(directory)  # whoever passed it may have been killed
        _forget(home, run_id, directory)
        return
    claim = claims.read(directory)
    yield _Case(run_id, directory, record, code, inside.exists(guild, rundir.PENDING), claim)


def _why_of_none(directory: str, record: Optional[Record]) -> str:
    """Why the run is no job, whatever its scheduler says, and will never be begun; else nothing."""
    if record is not None:
        return "its job is that of %s" % record.folder if record.is_of_another(directory) else ""
    try:
        inside.read(rundir.guild_dir(directory), JOB, 1)
    except OSError:
        return ""  # nothing is known of it for now
    is_let_be = claims.read(directory) is not None or submitting.is_submitting(directory)
    # Its job finds so, too (agent/job_process.py). What has begun writes its own end.
    return (
        "" if is_let_be or records.read(directory) else "unknown: .guild/JOB.record cannot be read"
    )


def is_own(directory: str) -> bool:
    """Whether the job of a run is one of this login, whose jobs alone are asked for."""
    found = inside.status(rundir.guild_dir(directory), JOB)
    return found is not None and found.st_uid == os.geteuid()


def _is_open(guild: str, code: str, ended_by: Optional[str]) -> bool:
    """Whether a run that has ended was told to by somebody who has left no word of it."""
    is_by_signal = code.strip().startswith("-") or code.strip() in _BY_SIGNAL
    return is_by_signal and ended_by is None and not inside.exists(guild, STOP)


def _forget(home: str, run_id: str, directory: str) -> None:
    """Have the run looked at no more, unless it is started again at this moment."""
    records.forget(home, run_id)
    if verdicts.end(directory)[0] is None and records.read(directory) is not None:
        records.expect(home, run_id)


def _looked(home: str, cases: Sequence[_Case]) -> str:
    """Ask one scheduler, and write down what it says of these runs; why it cannot be asked."""
    record = cases[0].record
    try:
        scheduler = records.scheduler(record.scheduler, record.site)
        _Look(home, scheduler, scheduler.query()).judge(cases)
    except SchedulerDown as e:
        # It may have taken its time: what has ended meanwhile needs no word of it.
        is_open = any(not verdicts.has_end(case.directory) for case in cases)
        return (str(e) or "it does not answer") if is_open else ""
    except AgentError as e:
        return e.message
    except OSError as e:
        return "what it says cannot be kept: %s" % e.strerror
    return ""


class _Look:
    """An answer of a scheduler, and what is done about it."""

    def __init__(
        self, home: str, scheduler: Scheduler, found: Dict[JobName, List[JobState]]
    ) -> None:
        self._home = home
        self._scheduler = scheduler
        self._found = found
        self._fault: Optional[OSError] = None

    def judge(self, cases: Sequence[_Case]) -> None:
        """Write down of each run what is known by the answer. A run that cannot be written to keeps
        no other waiting: its OSError is raised when all are done."""
        hopeless: List[Tuple[_Case, JobState]] = []
        vanished: List[_Case] = []
        for case in cases:
            job = self._job_of(case)
            with self._by_itself():
                if job is None:
                    if not case.is_being_submitted and self._is_over(case, case.record.seen):
                        vanished.append(case)
                elif verdicts.is_hopeless(job):
                    hopeless.append((case, job))
                elif job.phase != ENDED:
                    self._goes_on(case, job)
                elif self._is_over(case, job):
                    self._end(case, job)
        if vanished:
            self._end_vanished(vanished)
        if hopeless:
            self._scheduler.cancel([job.id for _, job in hopeless])
            for case, job in hopeless:
                with self._by_itself():
                    self._end(case, job)
        if self._fault is not None:
            raise self._fault

    @contextmanager
    def _by_itself(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            self._fault = self._fault or e

    def _job_of(self, case: _Case) -> Optional[JobState]:
        """Which of the jobs with the run's name is its own; None where none is.

        A name is given again where a run is started again, and an id by a scheduler that has lost
        its memory, so both count. Where the id is not known, or is that of one which is over, a
        job that is not is its own: an answer may have been lost.
        """
        earlier = records.earlier(case.directory)
        known = case.claim.job if case.claim else case.record.id
        named = jobs_named(self._found, case.record.key)
        if case.record.task is not None:
            array, task = self._scheduler.array_id, case.record.task
            named = [j._replace(id=self._scheduler.task_id(array(j.id), task)) for j in named]
        found = [j for j in named if j.id == known or not records.is_earlier(j, earlier)]
        own = [j for j in found if j.id == known] if known else found
        if case.record.within:
            return _as_of_part(case, own[-1]) if own else None
        if not case.claim and not (own and own[-1].phase != ENDED):
            own = [j for j in found if j.phase != ENDED] or own
        return own[-1] if own else None

    def _goes_on(self, case: _Case, job: JobState) -> None:
        """Write down that a job waits, or runs; a run that had begun may wait to be begun again."""
        _note(case, job)
        has_begun = case.claim is not None and not case.is_pending and case.exit_status is None
        if has_begun and job.phase in (WAITS, HELD):
            rundir.mark(case.directory, rundir.PENDING)
            if claims.read(case.directory) != case.claim:
                rundir.unmark(case.directory, rundir.PENDING)  # it has begun by now

    def _is_over(self, case: _Case, job: Optional[JobState]) -> bool:
        """Whether a job that has ended, or is unknown, has been so for long enough."""
        known = job is not None and job.phase == ENDED
        has_begun = case.claim is not None or bool(case.record.within)
        never_ran = known and job is not None and not job.nodes and not has_begun
        told = inside.exists(rundir.guild_dir(case.directory), STOP)
        if known and (never_ran or told or case.exit_status is not None):
            return True
        since = case.record.over
        seconds = verdicts.seconds_since(since) if since else -1.0
        if seconds < 0:
            since = verdicts.moment()
        _note(case, job or case.record.seen, since)
        return seconds >= verdicts.GRACE

    def _end_vanished(self, cases: Sequence[_Case]) -> None:
        """End runs whose jobs are forgotten: by what was seen last, or else by accounting."""
        unseen = [c for c in cases if not (c.record.seen and c.record.seen.phase == ENDED)]
        ids = [case.record.id for case in unseen if case.record.id]
        history = self._scheduler.history(ids) if ids else {}
        for case in cases:
            seen, told = case.record.seen, history.get(case.record.id)
            if told is not None and not _is_the_same(case.record, told):
                told = None
            with self._by_itself():
                if case not in unseen:
                    self._end(case, seen)
                elif told is not None and told.phase != ENDED and not _is_late(case.record):
                    # Accounting has not heard of its end, or it is not over.
                    _note(case, told, case.record.over)
                else:
                    self._end(case, told if told is not None and told.phase == ENDED else None)

    def _end(self, case: _Case, job: Optional[JobState]) -> None:
        """Write the end of a run whose job is over, or why it has the one that it has."""
        directory = case.directory
        if not case.is_as_it_was:
            return
        if job is not None:
            _note(case, job, case.record.over)
        code, ended_by = verdicts.end(directory)
        if code is None:
            began = case.claim is not None or not case.is_pending
            verdicts.pass_verdict(directory, verdicts.end_of(case.record, job, began, directory))
        elif job is not None and _is_open(rundir.guild_dir(directory), code, ended_by):
            why = verdicts.cause(case.record, job)
            if why:
                rundir.write_attr(directory, ENDED_BY, why)
        _forget(self._home, case.run_id, directory)


def _as_of_part(case: _Case, job: JobState) -> JobState:
    """A job as a run has it that is a part of it: it is over where that is started again."""
    whole = os.path.join(os.path.dirname(case.directory), case.record.within)
    claim = claims.read(whole)
    is_another = claim is None or claim.restarts != case.record.restarts
    if job.phase != ENDED and (is_another or job.phase in (WAITS, HELD)):
        return job._replace(phase=ENDED, how=AGAIN)
    return job


def _note(case: _Case, job: Optional[JobState], over: Optional[records.Instant] = None) -> None:
    """Write down the scheduler's last word of a job, where that has changed: it is copied then."""
    record = case.record
    known = record._replace(id=(job and job.id) or record.id, seen=job, over=over)
    if known.id == record.id and over == record.over and not _has_changed(record.seen, job):
        return
    if case.is_as_it_was:
        records.write(case.directory, known, flushed=False)


def _is_the_same(record: Record, told: JobState) -> bool:
    """Whether accounting means the run's job, and none to which its id was given again."""
    before = record.seen.submitted if record.seen else None
    if before is None or told.submitted is None or before == told.submitted:
        return True
    return record.requeue and before < told.submitted


def _is_late(record: Record) -> bool:
    """Whether accounting, which knows a job that its scheduler does not, will hear of no end."""
    return record.over is not None and verdicts.seconds_since(record.over) >= _ACCOUNTED


def _has_changed(seen: Optional[JobState], job: Optional[JobState]) -> bool:
    if seen is None or job is None or seen._replace(starts=None) != job._replace(starts=None):
        return seen != job
    if seen.starts is None or job.starts is None:
        return seen.starts != job.starts
    left = abs(job.starts - time.time())
    return abs(seen.starts - job.starts) >= max(_MOVES, left / _PART)
