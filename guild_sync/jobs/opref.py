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
        words = (name, version, child["model"], child["operation"])
        own = f"{kind}:" + " ".join(shlex.quote(word) for word in words)
        children.append({**child, "opref": own, "job": with_oprefs(child["job"], own)})
    return {**job, "children": children}


def opref_of(kind: str, name: str, version: str, operation: Operation) -> str:
    """What an operation is, as Guild AI 0.9 writes it: `TYPE:NAME VERSION MODEL OPERATION`."""
    words = (name, version, operation.model, operation.name)
    return f"{kind}:" + " ".join(shlex.quote(word) for word in words)
