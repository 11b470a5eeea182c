"""What guild.yml says of how runs of an operation are judged: `objective` and `compare`."""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence, Tuple

from ..errors import AgentError
from ..protocol import Value
from ..store import job, rundir


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


def of_runs(home: str, ids: Sequence[str], deleted: bool = False) -> str:
    """The objective of the operations of these runs, as Judged has it; empty where none has one.

    Raises AgentError where there are several.
    """
    found = {said_of(rundir.run_dir(home, run_id, deleted)).objective for run_id in ids} - {""}
    if len(found) > 1:
        raise AgentError(
            "the runs have several objectives: %s"
            % ", ".join(map(rundir.shown, sorted(found)[:5])),
            "Choose those of one operation, with -Fo NAME; or name a column: --min loss.",
        )
    return found.pop() if found else ""


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
