"""A job of a scheduler, which claims its run and is its runner."""

from __future__ import annotations

import os
import signal

from .errors import AgentError
from .judging import batches, verdicts
from .protocol import IN_JOB, IN_JOB_OF
from .running import runner
from .scheduling import claims, records
from .store import rundir


def main(directory: str) -> int:
    """Run the run that is this job, if it is; the exit status, for what depends on the job.

    A run that another job has, or that is over, is left alone, and that is no failure.
    """
    run_id = os.path.basename(directory)
    record = records.read(directory)
    if record is None:
        return _left("run %s is no job any more, or is gone" % run_id)
    own = claims.own(record.scheduler, os.environ)
    if own is None:
        print("guild: this is no job of %s" % record.scheduler, flush=True)
        return 1
    if record.id not in ("", own.job):
        return _left("this is job %s, and run %s is job %s" % (own.job, run_id, record.id))
    allocation = claims.Allocation(record, own)
    allocation.heed()
    try:
        why = claims.claim(directory, own)
    except OSError as e:  # no room, say
        print("guild: run %s is not started: %s" % (run_id, e.strerror), flush=True)
        return 1
    if why:
        return _left("run %s is not started: %s" % (run_id, why))
    home = os.path.dirname(os.path.dirname(directory))
    os.environ.update({IN_JOB: own.job, IN_JOB_OF: run_id})
    if batches.is_passed_over(home, record, run_id):
        verdicts.pass_verdict(directory, verdicts.End(-signal.SIGTERM, batches.ELDER_FAILED))
        code = 0
    else:
        try:
            code = runner.run(directory, allocation=allocation)
        except AgentError as e:  # it runs, or has ended
            return _left(e.message)
    if record.batch:
        batches.settle(home, rundir.run_dir(home, record.batch), run_id)
    return code if code >= 0 else 128 - code


def _left(why: str) -> int:
    print("guild: %s: nothing is to be done" % why, flush=True)
    return 0
