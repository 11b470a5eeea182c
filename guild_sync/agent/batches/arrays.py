"""A batch where runs are jobs of a scheduler: its trials are made at once, each to be a job."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional, Sequence

from .. import protocol
from ..catalog import required
from ..protocol import Job, SchedulerForm, Started
from ..staging import spawn, stage
from ..store import inside, rundir
from ..store.job import read_job
from . import links
from .children import Children


def submit(
    home: str,
    run_id: str,
    scheduler: SchedulerForm,
    secrets: Optional[Dict[str, str]] = None,
) -> Started:
    """As `spawn.submit`; a batch runs from then on, as its trials are jobs, and none else of it."""
    directory = rundir.run_dir(home, run_id)
    job = read_job(directory) if inside.exists(rundir.guild_dir(directory), "job.json") else {}
    if not _is_array(job):
        return spawn.submit(home, run_id, scheduler, secrets)
    begun = spawn.already_begun(directory, run_id)
    return begun or _submit(home, directory, job, scheduler, bool(secrets))


def _is_array(job: Job) -> bool:
    """Whether a run consists of trials that may run in any order."""
    children = job.get("children") or ()
    return bool(children) and not (
        job.get("is_pipeline") or any(child.get("expect") for child in children)
    )


def _submit(
    home: str, directory: str, job: Job, scheduler: SchedulerForm, sends_secrets: bool
) -> Started:
    from ..judging import batches
    from ..scheduling import arrays, records

    def discard(trials: Sequence[str]) -> None:
        _discard(home, directory, trials)

    def make() -> List[str]:
        discard(records.trials(directory))  # of a guild that was killed meanwhile
        return _made(home, directory, job, lambda ids: records.write_trials(directory, ids))

    making = arrays.Making(make, discard)
    after = required.jobs_before(home, directory, scheduler)
    record = arrays.submit(home, directory, scheduler, sends_secrets, making, after)
    batches.settle(home, directory)  # the last trial may have ended before this was begun
    status = rundir.status(directory).text
    return {"pid": None, "status": status, "job": record.id if record else ""}


def _made(home: str, directory: str, job: Job, announce: Callable[[List[str]], None]) -> List[str]:
    """Make the trials of a batch that have not completed; the ids of these.

    They are announced before any of them is there. What is to be said is the batch's output.
    """
    children = Children(home, directory, job)
    said: List[str] = []
    todo = {}
    for number, child in enumerate(children.all, 1):
        before = children.completed_before(child)
        if before:
            said.append("%s has completed: %s" % (children.title(number), before))
            links.link(home, directory, child["name"], before)
        else:
            todo[protocol.new_run_id()] = number
    announce(list(todo))
    for run_id, number in todo.items():
        said += children.make(run_id, children.all[number - 1])
        links.link(home, directory, "", run_id)
        said.append("%s: %s" % (children.title(number), run_id))
    with os.fdopen(inside.create(rundir.guild_dir(directory), rundir.OUTPUT), "wb") as output:
        output.writelines(map(_line, said))
    return list(todo)


def _line(text: str) -> bytes:
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean.encode("utf-8", "replace") + b"\n"


def _discard(home: str, directory: str, trials: Sequence[str]) -> None:
    """Leave nothing of trials that were made, but of one that has begun."""
    for run_id in trials:
        stage.discard(home, run_id)
        if not os.path.isdir(rundir.run_dir(home, run_id)):
            links.unlink(directory, "", run_id)
