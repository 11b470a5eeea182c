"""What guild.yml says of how runs of an operation are judged: `objective` and `compare`."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

from ..errors import AgentError
from ..protocol import Value
from ..store import job


class Judged(NamedTuple):
    """`objective`: a scalar's name, behind a `-` where it is to be greatest; else empty."""

    objective: str
    compare: Tuple[str, ...]  # columns


def said_of(directory: str) -> Judged:
    """What is said of a run's operation, as the run keeps it."""
    kept = _kept(directory)
    compare = kept.get("compare")
    texts = [item for item in compare if isinstance(item, str)] if isinstance(compare, list) else []
    return Judged(_objective(kept.get("objective")), tuple(texts))


def _kept(directory: str) -> Dict[str, Value]:
    try:
        operation = job.read_job(directory).get("operation") or {}
    except (AgentError, OSError):
        return {}
    found = operation.get("kept")
    return found if isinstance(found, dict) else {}


def _objective(value: Value) -> str:
    if isinstance(value, dict):
        for way, sign in (("minimize", ""), ("maximize", "-")):
            name = value.get(way)
            if isinstance(name, str):
                return sign + name
    return value if isinstance(value, str) else ""
