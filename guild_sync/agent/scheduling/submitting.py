"""A run submitted as a job: once, whatever becomes of the answer.

That it is a job is written down before its scheduler hears of it. Whoever asks again, after a
lost connection or a killed agent, finds that, waits for the program that may still be submitting
it, and then looks for a job of the run's name. Only where there is none it is submitted again.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from typing import Dict, Iterator, Mapping, NamedTuple, Optional

from ..errors import AgentError
from ..machine.children import agent_argv
from ..protocol import WAITING, SchedulerForm, Value, now
from ..store import identity, inside, locks, rundir
from ..store.job import read_job
from . import claims, jobscript, options, records
from .calling import SUBMIT_SECONDS
from .face import Refused, Scheduler, SchedulerDown, Site, Submission, Unsure, jobs_named
from .records import Record

TURN = "LOCK.submit"  # held by whoever submits the run, and by the program that does
# Seconds in which a job appears whose answer did not come, once what submits it has ended:
# MessageTimeout and 10.
_APPEARS = 20.0
# Where nobody can see who submits a run, that is over after so long.
_UNSEEN = 120  # seconds
_LOOK = 2.0
_TURN_LOOK = 0.05
_MOST = 4096


def submit(
    home: str,
    directory: str,
    form: SchedulerForm,
    sends_secrets: bool = False,
    after: Mapping[str, str] = {},
) -> str:
    """Have a run that waits to be started be a job; its id.

    It begins once the jobs of other runs have ended well: `after` has these by the runs' ids.
    Asked again it says which job that is. Raises AgentError; the run is no job then, unless it
    may be one of which nothing can be told.
    """
    with turn(directory) as mine:
        is_new = is_to_be(directory)
        record = None if is_new else records.read(directory)
        if record is not None and record.id:
            return record.id
        wanted = asked_for(directory, form, sends_secrets)
        record = (record or record_of(directory, form, wanted))._replace(after=(*after,))
        scheduler = records.scheduler(record.scheduler, record.site)
        if is_new:
            make_job(home, directory, record)
        records.expect(home, os.path.basename(directory))
        job = _submission(directory, wanted, mine.handle)._replace(after=(*after.values(),))
        work = Work(home, directory, record, scheduler, job)
        return submitted(work, is_new, mine.is_certain)


def is_to_be(directory: str) -> bool:
    """Whether a run is to be a job now, and none of this start has been submitted."""
    # A job that came with a run which is staged, in an archive or so, is none of this start.
    return not rundir.is_job(directory) or rundir.status(directory).text == "staged"


def record_of(directory: str, form: SchedulerForm, wanted: Dict[str, Value]) -> Record:
    """The job that a run is to be."""
    return Record(
        form["type"],
        Site(form["path"], form["clusters"]),
        records.name_of(os.path.basename(directory)),
        now(),
        agent=os.path.basename(agent_argv()[-1]),
        requeue=wanted.get("requeue") is True,
        time=_limit(wanted),
        folder=directory,
    )


def is_submitting(directory: str) -> bool:
    """Whether somebody is just submitting the run: what the scheduler says of it means nothing."""
    try:
        fd = inside.open_file(rundir.guild_dir(directory), TURN)
    except OSError:
        return False
    try:
        return locks.flocked(fd, exclusive=False) is False
    finally:
        os.close(fd)


def may_be_submitted(directory: str, record: Record) -> bool:
    """Whether the run may be about to be submitted, also by somebody who cannot be seen here."""
    is_new = abs(time.time() - record.at / 1e6) < _UNSEEN
    return is_new or is_submitting(directory)


class Turn(NamedTuple):
    """The right to submit a run; `is_certain`: what its predecessor has started has ended."""

    handle: int
    is_certain: bool


@contextmanager
def turn(directory: str) -> Iterator[Turn]:
    """The right to submit the run, which one process at a time has.

    The program that submits it has it, too, and so longer than an agent that is killed.
    """
    guild = rundir.guild_dir(directory)
    path = os.path.join(guild, TURN)
    until = time.monotonic() + 2 * (SUBMIT_SECONDS + _APPEARS)
    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_NONBLOCK
        fd = inside.open_file(guild, TURN, flags, locks.MODE)
        flocked = locks.flocked(fd)
        if flocked is not False and locks.is_at(fd, path):
            before = identity.recorded(inside.read_mapping(guild, TURN, _MOST))
            if flocked or before is None or not identity.lives(before):
                break
        os.close(fd)
        if time.monotonic() > until:
            name = os.path.basename(directory)
            raise AgentError("run %s is still being submitted" % name, kind="busy")
        time.sleep(_TURN_LOOK)
    try:
        # Where flock is each machine's own, or there is none, what another has started may go on.
        is_certain = before is None or (flocked is True and not identity.is_elsewhere(before))
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(identity.of(os.getpid())._asdict()).encode(), 0)
        yield Turn(fd, is_certain)
        inside.remove(guild, TURN)  # not after an error: a program may still have it
    finally:
        os.close(fd)


def asked_for(directory: str, form: SchedulerForm, sends_secrets: bool) -> Dict[str, Value]:
    """What the job asks for: what the run says goes before what its host says.

    It is checked again here: a run may have come from anywhere. Raises AgentError.
    """
    of_run = read_job(directory).get("submit", {})
    layers = (form["options"], of_run)
    faults = [fault for layer in layers for fault in options.checked(layer, form["type"])]
    if faults:
        raise AgentError("job: %s" % faults[0], kind="refused")
    wanted = options.merged(*layers)
    _refuse_secrets(form["type"], wanted, sends_secrets)
    return wanted


def _limit(wanted: Dict[str, Value]) -> str:
    """The time limit as people read it, `4:00:00`; empty where none is asked for."""
    seconds = options.seconds(wanted.get("time"))
    if seconds is None:
        return ""
    return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def _refuse_secrets(kind: str, wanted: Dict[str, Value], are_sent: bool) -> None:
    """Refuse a run whose secrets its starter has: a scheduler keeps the variables that it is
    given in files, and its accounting may, too."""
    if are_sent and not options.setup(wanted):
        raise AgentError(
            "values of env-secrets are not given to %s, which would keep them in files" % kind,
            "Have the job set them from a file of yours there, which nobody else may read:\n"
            "job: {setup: ['. ~/.secrets']}",
            "refused",
        )


def make_job(home: str, directory: str, record: Record) -> None:
    """Write down that the run is a job, before it is one. Raises AgentError where it cannot be."""
    guild, run_id = rundir.guild_dir(directory), os.path.basename(directory)
    held = locks.hold(guild)
    if held is None:
        raise AgentError("run %s runs already" % run_id, kind="busy")
    try:
        if rundir.status(directory).text not in WAITING:
            raise AgentError("run %s was started already" % run_id, kind="busy")
        # Also what is left of a job of which no more is known, as of a run out of an archive.
        records.put_aside(home, directory)
        rundir.mark(directory, rundir.PENDING)
        for mark in (rundir.STAGED, rundir.LOCK_IMPORTED):
            rundir.unmark(directory, mark)
        records.expect(home, run_id)
        records.write(directory, record)
    finally:
        locks.release(guild, held)


def _submission(directory: str, wanted: Dict[str, Value], handle: int) -> Submission:
    return Submission(
        jobscript.text(agent_argv("job", directory), options.setup(wanted)),
        records.name_of(os.path.basename(directory)),
        directory,
        os.path.join(rundir.guild_dir(directory), records.OUTPUT),
        wanted,
        handles=(handle,),
    )


class Work(NamedTuple):
    """What is to be submitted, and by whom."""

    home: str
    directory: str
    record: Record
    scheduler: Scheduler
    job: Submission

    def own_id(self, job: str) -> str:
        """What the run's own job is called: of an array it is one task."""
        task = self.record.task
        if task is None:
            return job
        return self.scheduler.task_id(self.scheduler.array_id(job), task)


def submitted(work: Work, is_new: bool, is_certain: bool) -> str:
    """The id of the job: submitted where it is new, else looked for first."""
    until = time.monotonic() + (0 if is_certain else SUBMIT_SECONDS) + _APPEARS
    for is_unheard in (False, True) if is_new else (True,):
        found = _found(work, until) if is_unheard else ""
        if found:
            return _noted(work, found)
        work = work._replace(record=work.record._replace(at=now()))
        records.write(work.directory, work.record)
        try:
            return _noted(work, work.own_id(work.scheduler.submit(work.job)))
        except Refused as e:
            # The second may be refused for the first: that had the last place that there was.
            return _given_up(work, e, time.monotonic() if is_unheard else None)
        except Unsure as e:
            refusal = Refused("%s, and it knows no job of the run" % e)
            until = time.monotonic() + _APPEARS
    return _given_up(work, refusal, until)


def _given_up(work: Work, why: Refused, until: Optional[float]) -> str:
    """Have the run be no job, unless one appears by then; its id, else `why` is raised.

    One that turns up later finds that it is none (claims.py).
    """
    found = "" if until is None else _found(work, until)
    if found:
        return _noted(work, found)
    guild = rundir.guild_dir(work.directory)
    held = locks.hold(guild)
    if held is not None:
        try:
            claimed = claims.read(work.directory)  # only now none begins any more
            if claimed is not None:
                return _noted(work, claimed.job)
            records.put_aside(work.home, work.directory)
        finally:
            locks.release(guild, held)
    raise why


def _found(work: Work, until: float) -> str:
    """The id of the run's job, as soon as it appears; empty where it has not by then.

    Raises AgentError where the scheduler could not be asked then.
    """
    earlier = records.earlier(work.directory)
    while True:
        known = _known(work.directory)
        if known:
            return known
        down = ""
        try:
            jobs = jobs_named(work.scheduler.query(), work.record.key)
            own = [job._replace(id=work.own_id(job.id)) for job in jobs]
            ids = [job.id for job in own if not records.is_earlier(job, earlier)]
            if ids:
                return ids[-1]
        except SchedulerDown as e:
            down = str(e)
        if time.monotonic() >= until:
            if down:
                raise AgentError(down, kind="scheduler")
            return ""
        time.sleep(min(_LOOK, max(0.0, until - time.monotonic())))


def _known(directory: str) -> str:
    """The id of the job that has claimed the run, or that it is known as; empty: none is."""
    claimed, noted = claims.read(directory), records.read(directory)
    if claimed is not None:
        return claimed.job
    return noted.id if noted is not None else ""


def _noted(work: Work, job: str) -> str:
    return note(work.directory, work.record, job)


def note(directory: str, record: Record, job: str, flushed: bool = True) -> str:
    """Have the run be known as this job, unless another has claimed it (claims.py); as which."""
    records.write(directory, record._replace(id=job), flushed)
    claimed = claims.read(directory)
    if claimed is None or claimed.job == job:
        return job
    records.write(directory, record._replace(id=claimed.job))
    return claimed.job
