"""What a run is to do, as it is kept in the run."""

from __future__ import annotations

import json

from .. import forms, json_text
from ..errors import AgentError
from ..protocol import Job
from . import atomic, inside, rundir

JOB = "job.json"
_MAX_JOB = 1 << 28  # bytes: what one request can bring


def write_job(directory: str, job: Job) -> None:
    if job.get("children") and not job.get("is_pipeline"):
        rundir.mark(directory, rundir.BATCH, flushed=False)
    atomic.write_in(rundir.guild_dir(directory), JOB, json.dumps(job, indent=1))


def read_job(directory: str) -> Job:
    """What the run is to do, as `stage` wrote it; or another, where it came from elsewhere."""
    try:
        found = json_text.read(inside.read(rundir.guild_dir(directory), JOB, _MAX_JOB))
    except FileNotFoundError:
        raise AgentError("the run has no job: another program made it", kind="refused") from None
    except (OSError, ValueError) as e:
        raise AgentError("cannot read the run's job: %s" % e) from None
    try:
        return forms.read(Job, found)
    except forms.Misread as e:
        raise AgentError("the run's job is not one: %s" % rundir.shown(str(e))) from None
