"""What an operation is, as Guild AI 0.9 writes it: `TYPE:NAME VERSION MODEL OPERATION`."""

from __future__ import annotations

import shlex

from guild_sync.agent.protocol import Child, Job
from guild_sync.project.definitions import Operation


def with_oprefs(job: Job, opref: str) -> Job:
    """The job, in which each run of a series is of the project that `opref` names."""
    if not job.get("children"):
        return job
    kind, _, rest = opref.partition(":")
    name, version = shlex.split(rest)[:2]
    children: list[Child] = []
    for child in job["children"]:
        own = _written(kind, name, version, child["model"], child["operation"])
        children.append({**child, "opref": own, "job": with_oprefs(child["job"], own)})
    return {**job, "children": children}


def opref_of(kind: str, name: str, version: str, operation: Operation) -> str:
    """What an operation is, as Guild AI 0.9 writes it: `TYPE:NAME VERSION MODEL OPERATION`."""
    return _written(kind, name, version, operation.model, operation.name)


def _written(kind: str, *words: str) -> str:
    return f"{kind}:{shlex.join(words)}"
