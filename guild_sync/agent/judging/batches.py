"""A batch whose trials are jobs: what they make of it, which has neither a process nor a job."""

from __future__ import annotations

import os
import signal
from typing import List

from ..protocol import Value
from ..scheduling import arrays, claims, records, submitting
from ..scheduling.records import STOP, Record
from ..store import inside, rundir
from ..store.job import read_job
from . import verdicts
from .verdicts import End

_STOPPED = -int(signal.SIGTERM)
ELDER_FAILED = "an earlier trial failed"


def settle(home: str, directory: str, after: str = "") -> None:
    """Write the end of a batch, if its trials are all over; `after`: which has just ended."""
    record = records.read(directory)
    if record is None or record.trials is None:
        return
    if verdicts.has_end(directory):
        records.forget(home, os.path.basename(directory))
        return
    trials = records.trials(directory)
    if inside.exists(rundir.guild_dir(directory), rundir.PENDING):
        if submitting.may_be_submitted(directory, record):
            return  # or it is asked for again
        if any(_has_job(rundir.run_dir(home, run_id)) for run_id in trials):
            arrays.begin(directory)
    # Trials that come later mostly end later: they are looked at first.
    place = trials.index(after) + 1 if after in trials else 0
    later = trials[place:] + trials[:place]
    if all(_is_over(rundir.run_dir(home, run_id), directory) for run_id in later):
        _end(home, directory, trials)


def _has_job(trial: str) -> bool:
    record = records.read(trial)
    return record is not None and bool(record.id or claims.read(trial))


def _is_over(trial: str, batch: str) -> bool:
    """Whether a trial has its end, or is none of the batch's any more."""
    if rundir.read_attr(trial, "exit_status") is not None:
        return True
    record = records.read(trial)
    return record is None or record.batch != os.path.basename(batch)


def _end(home: str, directory: str, trials: List[str]) -> None:
    """Write how a batch has ended whose trials have."""
    codes = [_code(rundir.run_dir(home, run_id)) for run_id in trials]
    failed = [code for code in codes if code != 0]
    if inside.exists(rundir.guild_dir(directory), STOP):
        end = End(_STOPPED, "")
    else:
        first = failed[0] if failed else 0
        end = End(first if 0 <= first < 256 else 1, "")
    count = len(read_job(directory).get("children", ()))
    said = "%d of %d trials failed\n" % (len(failed), count) if failed else ""
    verdicts.pass_verdict(directory, end, said)
    records.forget(home, os.path.basename(directory))


def _code(trial: str) -> int:
    code: Value = rundir.read_attr(trial, "exit_status")
    return code if isinstance(code, int) else 1


def is_passed_over(home: str, record: Record, run_id: str) -> bool:
    """Whether a trial is not to be run, as one before it has failed and its batch stops then."""
    if not record.batch:
        return False
    directory = rundir.run_dir(home, record.batch)
    if not read_job(directory).get("stops"):
        return False
    trials = records.trials(directory)
    elder = trials[: trials.index(run_id)] if run_id in trials else []
    return any(_has_failed(rundir.run_dir(home, each)) for each in elder)


def _has_failed(trial: str) -> bool:
    return rundir.read_attr(trial, "exit_status") not in (None, 0)


def open_trials(home: str, directory: str) -> List[str]:
    """The trials of a batch that are not over."""
    trials = records.trials(directory)
    return [i for i in trials if not _is_over(rundir.run_dir(home, i), directory)]
