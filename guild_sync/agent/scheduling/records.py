"""Which job a run is: `.guild/JOB`, and an index of the runs whose jobs may not be over."""

from __future__ import annotations

import json
import os
from typing import List, NamedTuple, Optional

from ..protocol import RUN_ID, Value, now
from ..store import atomic, inside, rundir
from .face import JobName, JobState, Site

JOB = "JOB"
CLAIM = "JOB.claim"  # who runs it: claims.py
VERDICT = "JOB.verdict"  # what was found of its end: verdicts.py
OUTPUT = "job.out"  # what the job itself says
MAX_BYTES = 1 << 16
_PREFIX = "guild-"


class Record(NamedTuple):
    """A run's job. It has no `id` while it is being submitted, or where no answer came."""

    scheduler: str
    site: Site
    name: str
    at: int  # when it was submitted, in microseconds since 1970
    id: str = ""
    task: Optional[int] = None  # which one of an array
    agent: str = ""  # the folder of the agent that it starts, by its name
    seen: Optional[JobState] = None  # the scheduler's last word
    absent: Optional[int] = None  # since when a scheduler that answers has not known it

    @property
    def key(self) -> JobName:
        return self.name, self.task


def name_of(run_id: str) -> str:
    """What the job of a run is called."""
    return _PREFIX + run_id


def is_ours(name: str) -> bool:
    """Whether a job's name is one of guild's."""
    return name.startswith(_PREFIX) and bool(RUN_ID.match(name[len(_PREFIX) :]))


def read(directory: str) -> Optional[Record]:
    """The job that a run is; None where it is none, or where that cannot be read."""
    found = inside.read_mapping(rundir.guild_dir(directory), JOB, MAX_BYTES)
    scheduler, name, at = (found.get(key) for key in ("scheduler", "name", "at"))
    if not (isinstance(scheduler, str) and isinstance(name, str) and isinstance(at, int)):
        return None
    site = rundir.mapping(found.get("site"))
    return Record(
        scheduler,
        Site(_text(site.get("path")), _text(site.get("clusters"))),
        name,
        at,
        _text(found.get("id")),
        _number(found.get("task")),
        _text(found.get("agent")),
        _state(found.get("seen")),
        _number(found.get("absent")),
    )


def write(directory: str, record: Record, flushed: bool = True) -> None:
    """Write down which job a run is, whole or not at all."""
    text = json.dumps(
        {
            **record._asdict(),
            "site": record.site._asdict(),
            "seen": record.seen._asdict() if record.seen else None,
        }
    )
    atomic.write_in(rundir.guild_dir(directory), JOB, text, flushed)


def expect(home: str, run_id: str) -> None:
    """Have the run looked at from now on: before it is submitted."""
    os.makedirs(_index(home), exist_ok=True)
    atomic.write_atomically(os.path.join(_index(home), run_id), "%d\n" % now())


def forget(home: str, run_id: str) -> None:
    """Have the run looked at no more: it has its end, or was never submitted."""
    try:
        os.unlink(os.path.join(_index(home), run_id))
    except FileNotFoundError:
        pass


def open_ids(home: str) -> List[str]:
    """The runs whose jobs may not be over, in no order."""
    try:
        return [name for name in os.listdir(_index(home)) if RUN_ID.match(name)]
    except OSError:
        return []


def _index(home: str) -> str:
    return os.path.join(home, "jobs")


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Value) -> Optional[int]:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _state(value: Value) -> Optional[JobState]:
    found = rundir.mapping(value)
    if not found:
        return None
    return JobState(
        _text(found.get("id")),
        _text(found.get("phase")),
        _text(found.get("word")),
        _text(found.get("how")),
        _text(found.get("reason")),
        _text(found.get("nodes")),
        _number(found.get("starts")),
        _number(found.get("submitted")),
        _number(found.get("restarts")) or 0,
    )
