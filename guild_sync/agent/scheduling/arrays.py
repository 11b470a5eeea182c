"""A batch submitted as an array: each of its trials is a job, and the batch itself is none.

What makes that happen once for one run (submitting.py) does so for the first trial of an array: by
it the array is written down, and looked for. The others are what it is. An array has the name of
its first trial's run, so neither another array of the batch nor one of another start has it.
"""

from __future__ import annotations

import os
import socket
from itertools import groupby
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..machine.children import agent_argv
from ..machine.environment import user_name
from ..protocol import Plain, SchedulerForm, Value, now
from ..store import inside, locks, rundir
from . import claims, jobscript, options, records, submitting
from .face import Refused, Scheduler, SchedulerDown, Submission
from .records import Record


class Making(NamedTuple):
    """How trials are made, in `records.TRIALS` and as runs, and how they are made away with."""

    make: Callable[[], List[str]]
    discard: Callable[[Sequence[str]], None]


def submit(
    home: str,
    directory: str,
    form: SchedulerForm,
    sends_secrets: bool,
    making: Making,
    after: Mapping[str, str] = {},
) -> Optional[Record]:
    """Have the trials of a batch that waits to be started be jobs; None where it has none to run.

    They are made once what asks for a job is checked. The batch is begun then. Asked again it
    goes on where it was left. `after` is as `submitting.submit` has it.

    Raises AgentError: where that is Refused, neither the batch nor its trials are jobs; else some
    may be, of which nothing can be told.
    """
    with submitting.turn(directory) as mine:
        is_new = submitting.is_to_be(directory)
        record = None if is_new else records.read(directory)
        if record is not None and not rundir.is_queued(directory):
            return record
        wanted = submitting.asked_for(directory, form, sends_secrets)
        if record is None:
            record = submitting.record_of(directory, form, wanted)._replace(trials=0)
            submitting.make_job(home, directory, record)
        record = record._replace(after=(*after,))
        scheduler = records.scheduler(record.scheduler, record.site)
        batch = _Batch(home, directory, record, scheduler, wanted, (*after.values(),), mine)
        try:
            if not record.trials:
                with inside.flushed_together([home, directory]):
                    arrays = _in_arrays(making.make())
                    _write_down(batch, arrays)
                _note_made(batch, arrays)
        except BaseException:  # nothing was submitted
            _undo(home, directory, making)
            raise
        try:
            first = _submit_all(batch)
        except Refused:
            _undo(home, directory, making)
            raise
        records.write(directory, record._replace(id=first, trials=len(records.trials(directory))))
        begin(directory)
        return records.read(directory) if first else None


def begin(directory: str) -> None:
    """Have a batch run, as its trials are jobs."""
    found: Dict[str, Plain] = {"host": socket.gethostname(), "user": user_name(), "started": now()}
    rundir.write_attrs(directory, found)
    rundir.unmark(directory, rundir.PENDING)


def _undo(home: str, directory: str, making: Making) -> None:
    """Have the batch be no job, and nothing be left of its trials; one that has begun stays."""
    trials = records.trials(directory)
    for run_id in trials:
        trial = rundir.run_dir(home, run_id)
        if not os.path.isdir(trial):
            records.forget(home, run_id)
            continue
        held = locks.hold(rundir.guild_dir(trial))
        if held is not None:
            if claims.read(trial) is None:  # only now none begins any more
                records.put_aside(home, trial)
            locks.release(rundir.guild_dir(trial), held)
    making.discard(trials)
    records.put_aside(home, directory)


class _Batch(NamedTuple):
    """A batch that is to be submitted, and by whom."""

    home: str
    directory: str
    record: Record
    scheduler: Scheduler
    wanted: Dict[str, Value]
    after: Sequence[str]
    turn: submitting.Turn

    def trial(self, run_id: str) -> str:
        return rundir.run_dir(self.home, run_id)


def _in_arrays(trials: Sequence[str], most: Optional[int] = None) -> List[Sequence[str]]:
    """Trials as they are arrays: of at most so many each."""
    size = most or len(trials) or 1
    return [trials[first : first + size] for first in range(0, len(trials), size)]


def _write_down(batch: _Batch, arrays: Sequence[Sequence[str]]) -> None:
    """Write down of each trial which task of which array it is to be, before any of them is."""
    of_batch = batch.record._replace(batch=os.path.basename(batch.directory), trials=None)
    for array in arrays:
        of_array = of_batch._replace(name=records.name_of(array[0]), at=now())
        for task, run_id in enumerate(array):
            trial = batch.trial(run_id)
            records.write(trial, of_array._replace(task=task, folder=trial), flushed=False)
            records.expect(batch.home, run_id)


def _note_made(batch: _Batch, arrays: Sequence[Sequence[str]]) -> None:
    """Write down that all trials are made: from now on some may be submitted."""
    count = sum(map(len, arrays))
    records.write(batch.directory, batch.record._replace(trials=count))


def _arrays(batch: _Batch) -> List[Tuple[int, List[str]]]:
    """The arrays that are written down: by the place of their first trial, their trials."""
    trials = records.trials(batch.directory)
    found = {run_id: records.read(batch.trial(run_id)) for run_id in trials}
    names = {run_id: record.name for run_id, record in found.items() if record}
    grouped = groupby([run_id for run_id in trials if run_id in names], key=names.__getitem__)
    return [(trials.index(ids[0]), ids) for ids in (list(group) for _, group in grouped)]


def _submit_all(batch: _Batch, is_split: bool = False) -> str:
    """Submit the arrays that are written down; the id of the first one, empty: there is none.

    Where one is refused the others are ended. What is refused for its length is split, once.
    """
    submitted: List[str] = []
    try:
        for place, trials in _arrays(batch):
            submitted.append(_submit(batch, place, trials))
    except Refused:
        trials = records.trials(batch.directory)
        most = None if submitted or is_split else _most(batch.scheduler)
        if most is not None and most < len(trials):
            with inside.flushed_together([batch.home, batch.directory]):
                _write_down(batch, _in_arrays(trials, most))
            return _submit_all(batch, is_split=True)
        _cancel(batch.scheduler, submitted)
        raise
    return submitted[0] if submitted else ""


def _most(scheduler: Scheduler) -> Optional[int]:
    try:
        return scheduler.most_tasks()
    except SchedulerDown:
        return None


def _cancel(scheduler: Scheduler, arrays: Sequence[str]) -> None:
    """End arrays of a batch that is not to be; whichever begins all the same finds no run."""
    try:
        scheduler.cancel(arrays)
    except (SchedulerDown, Refused):
        pass


def _submit(batch: _Batch, place: int, trials: Sequence[str]) -> str:
    """Have trials be an array, once; its id. Raises AgentError."""
    first = batch.trial(trials[0])
    record = records.read(first)
    if record is None:
        raise Refused("trial %s is gone" % trials[0])
    if not record.id:
        work = submitting.Work(
            batch.home, first, record, batch.scheduler, _submission(batch, place, trials)
        )
        # What was written down now has no job yet; what is found was, by another, perhaps.
        is_new = not batch.record.trials
        record = record._replace(id=submitting.submitted(work, is_new, batch.turn.is_certain))
    array = batch.scheduler.array_id(record.id)
    for task, run_id in enumerate(trials):
        trial = batch.trial(run_id)
        known = records.read(trial)
        if known is not None and not known.id:
            submitting.note(trial, known, batch.scheduler.task_id(array, task), flushed=False)
    return array


def _submission(batch: _Batch, place: int, trials: Sequence[str]) -> Submission:
    guild = rundir.guild_dir(batch.directory)
    script = jobscript.text_of_array(
        agent_argv("job"),
        options.setup(batch.wanted),
        rundir.runs_dir(batch.home),
        os.path.join(guild, records.TRIALS),
        batch.scheduler.task_variable,
        place,
    )
    return Submission(
        script,
        records.name_of(trials[0]),
        batch.directory,
        os.path.join(guild, records.OUTPUT),
        batch.wanted,
        batch.after,
        tasks=len(trials),
        handles=(batch.turn.handle,),
    )
