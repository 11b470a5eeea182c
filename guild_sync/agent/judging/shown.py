"""What is shown of the job that a run is, by its scheduler's last word, without asking it."""

from __future__ import annotations

from typing import Optional

from ..protocol import FINAL, NAME_LENGTH, WAITING, JobForm
from ..scheduling import claims, records
from ..scheduling.face import ENDED, HELD, WAITS
from ..store import rundir


def form(directory: str, status: str) -> Optional[JobForm]:
    """What is shown of a run's job, by what was heard of it last; None where it is none."""
    record = records.read(directory)
    if record is None or record.within:  # a part of a job is none
        return None
    seen = record.seen
    # A run that is over needs no word of its scheduler's: there may be none of its end.
    if seen is not None and status in FINAL and seen.phase != ENDED:
        seen = seen._replace(word="", reason="", starts=None)
    claim = claims.read(directory)
    has_node = status not in WAITING and record.trials is None
    host = rundir.read_attr(directory, "host") if has_node else None
    return {
        "scheduler": record.scheduler,
        "id": record.id,
        "state": seen.word if seen else "",
        "reason": seen.reason[:NAME_LENGTH] if seen and seen.phase in (HELD, WAITS) else "",
        "starts": seen.starts if seen and status in WAITING else None,
        "nodes": (seen.nodes if seen else "") or (host if isinstance(host, str) else ""),
        "held": seen is not None and seen.phase == HELD,
        "restarts": claim.restarts if claim else 0,
    }
