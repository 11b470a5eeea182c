"""A job as a scheduler's: what a run needs of its host is what it asks of the scheduler."""

from __future__ import annotations

from collections.abc import Iterator

from guild_sync.agent.protocol import DEVICES, Child, Job, NeedsForm, SchedulerForm, Value
from guild_sync.agent.scheduling import options

_MIB, _GIB = 1 << 20, 1 << 30


def submitted(job: Job) -> Job:
    """The job as it is on a host whose runs are jobs of a scheduler.

    What `job` says counts more than `gpus`, `cpus` and `memory`. A series is one job, which asks
    for what the neediest of its runs needs where nothing is said of itself.
    """
    made: Job = {**job}
    if "children" in job:
        made["children"] = [_submitted_child(child) for child in job["children"]]
    asked = _asked(needs_of(job))
    devices = (job.get("operation") or {}).get("gpus")
    if devices == "":
        asked["gpus"] = None  # whatever its host's jobs have
    elif devices and job["env"].get(DEVICES) == devices:
        # They are a machine's. Which of them a job has, its scheduler says by this variable.
        made["env"] = {name: value for name, value in job["env"].items() if name != DEVICES}
    if submit := {**asked, **job.get("submit", {})}:
        made["submit"] = submit
    return made


def asked_of(scheduler: SchedulerForm, job: Job) -> dict[str, Value]:
    """All that a job asks a scheduler for, its host's own part too."""
    return options.merged(scheduler["options"], submitted(job).get("submit", {}))


def _submitted_child(child: Child) -> Child:
    return {**child, "job": submitted(child["job"])}


def needs_of(job: Job) -> NeedsForm:
    """What a run needs; a series that does not say it: what the neediest of its runs does."""
    of_runs = [needs_of(child["job"]) for child in job.get("children", ())]
    own = job.get("needs", {})
    return {
        "gpus": own.get("gpus") or max((needs["gpus"] for needs in of_runs), default=0),
        "cpus": own.get("cpus") or max((needs["cpus"] for needs in of_runs), default=0),
        "memory": own.get("memory") or max((needs["memory"] for needs in of_runs), default=0),
    }


def _asked(needs: NeedsForm) -> dict[str, Value]:
    asked: dict[str, Value] = {}
    if gpus := needs.get("gpus"):
        asked["gpus"] = gpus
    if cpus := needs.get("cpus"):
        asked["cpus"] = cpus
    if memory := needs.get("memory"):
        is_even = memory % _GIB == 0
        asked["mem"] = f"{memory // _GIB}G" if is_even else f"{-(-memory // _MIB)}M"
    return asked


def passed_over(job: Job) -> Iterator[str]:
    """The steps whose own `job` means nothing where their pipeline is a single job."""
    for child in job.get("children", ()) if job.get("is_pipeline") else ():
        if child["job"].get("submit"):
            yield child["name"]
        else:
            yield from passed_over(child["job"])
