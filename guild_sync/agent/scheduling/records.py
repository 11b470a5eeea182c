"""Which job a run is: `.guild/JOB.record`, and an index of the runs whose jobs may not be over."""

from __future__ import annotations

import json
import os
import re
from importlib import import_module
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, Type

from ..errors import AgentError
from ..protocol import PBS, RUN_ID, SLURM, Value, now
from ..store import atomic, inside, locks, rundir
from .face import JobName, JobState, Scheduler, Site

JOB = rundir.JOB_RECORD
CLAIM = "JOB.claim"  # who runs it: claims.py
VERDICT = "JOB.verdict"  # what was found of its end: agent/judging/verdicts.py
STOP = "JOB.stop"  # guild was told to end it
EARLIER = "JOB.earlier"  # the ids of the jobs that it was before, one a line
OUTPUT = "job.out"  # what the job itself says
TRIALS = locks.TRIALS  # of a batch that is an array: the ids of its trials, a line each
MAX_BYTES = 1 << 16
# By their names: the module here, and the class in it. One process has use for one of them.
_CLASSES: Dict[str, Tuple[str, str]] = {SLURM: (".slurm", "Slurm"), PBS: (".pbs", "Pbs")}
_PREFIX = "guild-"
_MOST = 100  # jobs of earlier starts: a scheduler has forgotten what is older
_WHOLE = re.compile(r"[0-9]{1,15}\Z")
_LARGEST = 1 << 60  # of the numbers in a record: what is larger is none, and no float


class Instant(NamedTuple):
    """A moment by two clocks: that of the calendar, which may be set, and one that nobody sets."""

    time: float  # seconds since 1970
    boot: str  # of which machine the other one counts
    up: float


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
    over: Optional[Instant] = None  # since when a scheduler that answers knows it not, or as ended
    requeue: bool = False  # its scheduler may start it again from its beginning
    time: str = ""  # its time limit, as it was asked for
    after: Tuple[str, ...] = ()  # the runs whose jobs had to end well before it
    batch: str = ""  # the run whose trial it is, where that is an array
    # Of a batch that is an array, which has no job of its own: how many trials were made for it, 0
    # until all of them are.
    trials: Optional[int] = None
    # Of a run that is a part of another one's job, as a queue starts them: that other one, and how
    # often its job had been started again when this one began.
    within: str = ""
    restarts: int = 0
    folder: str = ""  # the run's directory, as its job knows it

    @property
    def key(self) -> JobName:
        return self.name, self.task

    @property
    def asked(self) -> Tuple[str, ...]:
        """Who is asked of the job: of those that are alike at one go."""
        return (self.scheduler, *self.site)

    def is_same_job(self, other: Record) -> bool:
        """Whether both are of one submission, whatever was found out of it meanwhile."""
        mine, its = ((r.asked, r.key, r.at, r.id) for r in (self, other))
        return mine == its

    def is_of_another(self, directory: str) -> bool:
        """Whether the job is that of another run, of which this one is a copy: a guild home was
        copied while it waited or ran."""
        try:
            return bool(self.folder) and not os.path.samefile(self.folder, directory)
        except (OSError, ValueError):
            return False  # it was moved, or is not seen here by that path


def name_of(run_id: str) -> str:
    """What the job of a run is called."""
    return _PREFIX + run_id


def is_ours(name: str) -> bool:
    """Whether a job's name is one of guild's."""
    return name.startswith(_PREFIX) and bool(RUN_ID.match(name[len(_PREFIX) :]))


def read(directory: str) -> Optional[Record]:
    """The job that a run is; None where it is none, or where that cannot be read."""
    found = inside.read_mapping(rundir.guild_dir(directory), JOB, MAX_BYTES)
    scheduler, name, at = found.get("scheduler"), found.get("name"), _number(found.get("at"))
    if not (isinstance(scheduler, str) and isinstance(name, str) and at is not None):
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
        _moment(found.get("over")),
        found.get("requeue") is True,
        _text(found.get("time")),
        _run_ids(found.get("after")),
        _text(found.get("batch")),
        _number(found.get("trials")),
        _text(found.get("within")),
        _number(found.get("restarts")) or 0,
        _text(found.get("folder")),
    )


def said(directory: str) -> str:
    """Which job the run is, in words: `job 4711`."""
    record = read(directory)
    return "job %s" % record.id if record and record.id else "a job"


def write(directory: str, record: Record, flushed: bool = True) -> None:
    """Write down which job a run is, whole or not at all."""
    text = json.dumps(
        {
            **record._asdict(),
            "site": record.site._asdict(),
            "seen": record.seen._asdict() if record.seen else None,
            "over": record.over._asdict() if record.over else None,
        }
    )
    atomic.write_in(rundir.guild_dir(directory), JOB, text, flushed)


def put_aside(home: str, directory: str) -> None:
    """Have the run be no job any more; of what it was, the id is kept, and when it was submitted:
    by its name alone the next job cannot be told from it, as long as the scheduler knows both."""
    guild = rundir.guild_dir(directory)
    record = read(directory)
    if record is not None and record.id and not record.within:
        submitted = record.seen.submitted if record.seen else None
        jobs = [*{**earlier(directory), record.id: submitted}.items()]
        lines = ("%s %s\n" % (job, "" if at is None else at) for job, at in jobs[-_MOST:])
        atomic.write_in(guild, EARLIER, "".join(lines))
    for name in (JOB, CLAIM, VERDICT, STOP, OUTPUT, TRIALS):
        inside.remove(guild, name)
    forget(home, os.path.basename(directory))


def trials(directory: str) -> List[str]:
    """The runs that are the trials of a batch, which is an array, in their order."""
    text = rundir.read_text(rundir.guild_dir(directory), TRIALS) or ""
    return [run_id for run_id in text.split() if RUN_ID.match(run_id)]


def write_trials(directory: str, ids: Sequence[str]) -> None:
    """Write down which runs are to be the trials of a batch."""
    text = "".join("%s\n" % run_id for run_id in ids)
    atomic.write_in(rundir.guild_dir(directory), TRIALS, text)


def earlier(directory: str) -> Dict[str, Optional[int]]:
    """The ids of the jobs that the run was before, and when each was submitted where known."""
    lines = (rundir.read_text(rundir.guild_dir(directory), EARLIER) or "").splitlines()
    found = (line.partition(" ") for line in lines)
    return {job: int(at) if _WHOLE.match(at) else None for job, _, at in found}


def is_earlier(job: JobState, before: Mapping[str, Optional[int]]) -> bool:
    """Whether a job is one that the run was before, and none to which its id was given again."""
    at = before.get(job.id)
    return job.id in before and (at is None or job.submitted is None or job.submitted <= at)


def scheduler(kind: str, site: Site) -> Scheduler:
    """The scheduler of that name, at a site. Raises AgentError where guild knows none."""
    if kind not in _CLASSES:
        raise AgentError("guild knows no scheduler %s" % rundir.shown(kind))
    module, name = _CLASSES[kind]
    found: Type[Scheduler] = getattr(import_module(module, __package__), name)
    return found(site)


def agents(home: str) -> Set[str]:
    """The folders of agents, by their names, that jobs which may not be over are to start."""
    found = (read(rundir.run_dir(home, run_id)) for run_id in open_ids(home))
    return {record.agent for record in found if record is not None}


def expect(home: str, run_id: str) -> None:
    """Have the run looked at from now on: before it is submitted."""
    path = os.path.join(_index(home), run_id)
    if not os.path.exists(path):
        os.makedirs(_index(home), exist_ok=True)
        atomic.write_atomically(path, "%d\n" % now())


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
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -_LARGEST < value < _LARGEST else None


def _seconds(value: Value) -> Optional[float]:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    return value if -_LARGEST < value < _LARGEST else None  # NaN is not


def _run_ids(value: Value) -> Tuple[str, ...]:
    found = value if isinstance(value, list) else []
    return tuple(each for each in found if isinstance(each, str) and RUN_ID.match(each))


def _moment(value: Value) -> Optional[Instant]:
    found = rundir.mapping(value)
    time, up = _seconds(found.get("time")), _seconds(found.get("up"))
    if time is None or up is None:
        return None
    return Instant(time, _text(found.get("boot")), up)


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
