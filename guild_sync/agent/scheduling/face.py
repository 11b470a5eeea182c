"""What a scheduler is to guild: what it is asked for, and what it answers."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import AgentError
from ..protocol import Value

# How far a job is.
WAITS = "waiting"
HELD = "held"  # it waits for what only a person can do
RUNS = "running"
ENDED = "ended"

# How a job has ended, as far as its scheduler tells.
OK = "ok"
FAILED = "failed"
TIMEOUT = "timeout"
MEMORY = "memory"
NODE = "node"
DEADLINE = "deadline"
PREEMPTED = "preempted"
CANCELLED = "cancelled"
AGAIN = "again"  # as those have it that were a part of it when it was started again

# A job as its submitter names it: its name, and of a job of an array which one it is.
JobName = Tuple[str, Optional[int]]


class Site(NamedTuple):
    """Where the commands of a scheduler are, and which clusters they are to mean."""

    path: str = ""  # their folder; empty: where they are found
    clusters: str = ""


class Submission(NamedTuple):
    """A job that is to be."""

    script: str  # what it runs, from its first line on
    name: str
    folder: str  # in which it starts
    output: str  # the file that it writes to behind what is in it
    options: Mapping[str, Value]  # by the keys of `job`, as options.py has them
    after: Sequence[str] = ()  # ids of the jobs that are to end well before it begins
    tasks: Optional[int] = None  # of an array: how many it has, numbered from 0 on
    handles: Tuple[int, ...] = ()  # that the program which submits it holds open while it lives


class JobState(NamedTuple):
    """How a job stands by its scheduler's word. Times are in seconds since 1970."""

    id: str  # as people type it: `4711`, of an array `4711_3`
    phase: str
    word: str  # the scheduler's own: `PENDING`
    how: str = ""  # of one that has ended
    reason: str = ""
    nodes: str = ""
    starts: Optional[int] = None  # when it is expected to begin
    submitted: Optional[int] = None
    restarts: int = 0


def jobs_named(found: Mapping[JobName, List[JobState]], key: JobName) -> List[JobState]:
    """Those of the jobs that `Scheduler.query` has found which have this name.

    A task of an array that ended before it began is told of with others, as the array.
    """
    return found.get(key) or found.get((key[0], None), [])


class Refused(AgentError):
    """The scheduler has answered that it does not take, or do, this: nothing was done."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, "refused")


class Unsure(Exception):
    """No answer came that can be read: it may have been done, or be done yet."""


class SchedulerDown(Exception):
    """The scheduler cannot be asked: its words say nothing of any job."""


class Scheduler:
    """A scheduler of a site.

    Each method but `task_id` and `array_id` asks it, by as few calls as it takes.
    """

    task_variable = ""  # that has the number of a job which is one of an array

    def __init__(self, site: Site) -> None:
        self.site = site

    def submit(self, job: Submission) -> str:
        """The id of a job that was submitted. Raises Refused, Unsure."""
        raise NotImplementedError

    def query(self) -> Dict[JobName, List[JobState]]:
        """All jobs of this login that the scheduler still knows and that are guild's, by name.

        Of several with the same name the newest is last. Tasks of an array that ended before they
        began are told of together, without a number, or not at all. Raises SchedulerDown.
        """
        raise NotImplementedError

    def history(self, ids: Sequence[str]) -> Dict[str, JobState]:
        """What accounting knows of jobs, by their ids; empty where there is none, or not yet.

        Raises SchedulerDown.
        """
        raise NotImplementedError

    def cancel(self, ids: Sequence[str], signal: str = "") -> None:
        """End jobs; with `signal`, such as `TERM`, send that to what runs of them instead.

        It goes to the batch shell, which is the runner. Jobs that are over, or wait where there is
        a signal, are passed over. Raises SchedulerDown, Refused.
        """
        raise NotImplementedError

    def refusal(self, job: Submission) -> Optional[str]:
        """Why a job would not be taken, empty where it would; nothing is submitted.

        None: such is not told. Raises SchedulerDown.
        """
        raise NotImplementedError

    def task_id(self, id: str, task: int) -> str:
        """What the task of an array is called whose id `submit` has returned; nothing is asked."""
        raise NotImplementedError

    def array_id(self, id: str) -> str:
        """What `submit` has returned for the array that has this task; nothing is asked."""
        raise NotImplementedError

    def most_tasks(self) -> Optional[int]:
        """How many tasks an array may have; None where that is not told. Raises SchedulerDown."""
        raise NotImplementedError

    def explain(self) -> List[Tuple[str, str]]:
        """What `guild check` shows of the scheduler: what a line is about, and what it says.

        Raises SchedulerDown.
        """
        raise NotImplementedError
