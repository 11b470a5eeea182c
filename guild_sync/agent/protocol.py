"""What both ends must agree on: words, numbers and forms that travel between them."""

from __future__ import annotations

import math
import os
import posixpath
import re
import time
from typing import TYPE_CHECKING, Dict, List, Optional, Tuple, Union

if TYPE_CHECKING:
    from typing import Mapping, Sequence, TypedDict

    # What JSON carries, and what an attribute can be.
    Value = Union[None, bool, int, float, str, List["Value"], Dict[str, "Value"]]
    # What is written as an attribute.
    Plain = Union[None, bool, int, float, str, Sequence["Plain"], Mapping[str, "Plain"]]
    RunId = str  # 32 hex digits
    StatusName = str  # one of STATUSES
    Count = int  # 0 or more
    Seconds = float  # since 1970, or how long something takes, as far as a calendar goes
    # A number that may be none that JSON has: those are texts of NOT_FINITE.
    Figure = Union[float, str]
else:

    class TypedDict(dict):
        """What the forms are made of where they are only named: typing's own cost 2 ms a start.

        forms.py asks for `__total__`, the annotations, and no more.
        """

        def __init_subclass__(cls, total=True):
            cls.__total__ = total

    # Classes of their own, by which forms.py knows what it has to check.
    class Value: ...

    class Plain: ...

    class RunId(str): ...

    class StatusName(str): ...

    class Count(int): ...

    class Seconds(float): ...

    class Figure(float): ...


Filters = Dict[str, Value]  # which runs are meant: agent/catalog/filters.py
# What the names of variables begin with among the keys of an environment: those of a remote, which
# operations there have, and those of one run, which count more than all others.
ENV, RUN_ENV = "env.", "run-env."
# What people wrote of a run, by the names in NOTES: None where nothing; without what is unreadable.
Notes = Dict[str, Value]

# What a login shell prints comes before this line and is skipped.
FRAME = "GUILD-ANSWER"

RUN_ID = re.compile(r"[0-9a-f]{32}\Z")

# A run whose status is one of these changes no more by itself.
FINAL = ("completed", "terminated", "error")
WAITING = ("pending", "staged")
STATUSES = ("running", *WAITING, *FINAL, "lost")
# What LOCK.remote holds while another machine pushes the run here, before its name. No
# remote can be meant: a run with it is of no concern to sync.
PUSH = "push from "
# Why a run was not changed; behind TO_START there is what it waits for.
RUNNING = "it is running"
TO_START = "it is to start, and waits for "

# The attributes that people write: a copy's are merged with its remote's (copies/notes.py).
NOTES = ("label", "tags", "comments", "marked")

# Who started a run, and from where: an attribute of ours, with what Starter has.
STARTED_BY = "started_by"
NAME_LENGTH = 255  # characters of a name in it, at most

# What has ended a run, or an attempt of one, where that is neither itself nor a person: an
# attribute of ours, which begins so.
ENDED_BY = "ended_by"
TIME_LIMIT = "time limit"
STALLED = "stalled"

# The environment that a run has for what its project requires: an attribute of ours, a mapping.
# `name` of one below the guild home, empty where the Python itself meets `requires`; `packages`.
ENVIRONMENT = "environment"

# For how long nobody has used what guild has left for itself and then removes, in seconds.
WEEK, MONTH = 7 * 86400.0, 30 * 86400.0

# How a run is told to end.
TERM = "term"
KILL = "kill"
KILL_RUNNER = "kill-runner"

# Of a trial of a batch over several remotes: the batch's id, and so many-th of its trials it is.
BATCH, TRIAL = "batch", "trial"

# Where a run keeps the files of its project that its operation may require: the wheel
# brings them there, and runs that are made from this one take them from there.
FILES = "gpkg_files"

# The git commit that a run's project was at, an attribute as Guild AI 0.9 writes it, and in .guild
# how the project differed from it: what `git apply` takes.
COMMIT = "vcs_commit"
COMMIT_DIFF = "vcs.diff"

_LATEST = 1 << 62  # microseconds since 1970: beyond it is no time that a clock has told

# How numbers travel that JSON has not.
NOT_FINITE = ("nan", "inf", "-inf")

# What a terminal obeys and does not show: colours, titles, movements of the cursor.
ESCAPES = r"\x1b(?:\[[0-9;:<=>?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])"

# What is said where the best run is asked for, and guild.yml does not say by what.
NO_OBJECTIVE = "no run has an operation with an objective"
ADD_OBJECTIVE = "guild.yml says it, as in 'objective: loss'; or name a column: --min loss."

# So many that what is read of each is worth to be remembered.
MANY_RUNS = 1000

# Which versions of Python are meant: `>=3.8`, `==3.10.*`, `~=3.9`.
SPECIFIER = re.compile(r"(~=|===?|!=|<=|>=|<|>)\s*v?(\d{1,9}(?:\.\d{1,9}){0,3})(\.\*)?\Z")

# Where Python keeps what it has compiled: no output of a run, and never copied.
CACHE = "__pycache__"

MOST = 50_000  # paths that are left out of all runs of one copy
LARGE, MOST_LARGE = 1 << 20, 500  # bytes of a file that is told by itself, and how many are

# ---- streams: packets of a kind, the length of what follows, and that; the last one is an END

HEADER_BYTES = 5
CHUNK = 1 << 16  # bytes of data in a packet, at most
DATA = b"d"  # bytes of a file, of an output
RUN_DATA = b"r"  # likewise, behind the id of the run whose output it is
RUN_END = b"x"  # the id of a run that has ended
RUN_FAULT = b"f"  # why the output cannot be read of the run whose id is before it
END = b"e"  # JSON: how the stream ended, as the answer to a request

Packet = Tuple[bytes, bytes]
Position = Tuple[int, int]  # the number of an attempt, and bytes of its output


def header(kind: bytes, length: int) -> bytes:
    """What comes before so many bytes of a packet."""
    return kind + length.to_bytes(HEADER_BYTES - 1, "big")


def lacks_something(answer: object) -> bool:
    """Whether an answer asks for something that is missing, without which nothing follows it."""
    return isinstance(answer, dict) and bool(answer.get("missing"))


# ---- what is answered: each key is always there


class Opref(TypedDict):
    """What an operation is."""

    type: str
    package: str
    version: str
    model: str
    name: str


class Starter(TypedDict):
    """Who started a run: a user, on which machine, and the name of the guild home there."""

    user: str
    client: str
    home: str


class Deal(TypedDict):
    """A trial of a batch that goes to one of several remotes, but for those that refused it: why.

    It is so many-th of how many.
    """

    batch: RunId
    number: Count
    count: Count
    remotes: List[str]
    refused: Dict[str, str]


class JobForm(TypedDict):
    """The job that a run is, by its scheduler's last word; `starts` in seconds since 1970.

    `held`: it waits for what only a person can do.
    """

    scheduler: str
    id: str
    state: str
    reason: str
    starts: Optional[Count]
    nodes: str
    held: bool
    restarts: Count


class RunLine(TypedDict):
    """What the line of a run in a listing is made of. Times are in microseconds since 1970."""

    id: RunId
    opref: Opref
    status: StatusName
    indexed: bool  # a batch that has ended well is listed with all runs alone, without an index
    remote: Optional[str]
    machine: Optional[str]  # the other machine on this disk that it runs on
    unreadable: List[str]  # what its remote may not read, of a copy that is whole else
    initialized: Value
    started: Value
    stopped: Value
    label: Value
    tags: Value
    waits: Optional[str]  # for what of its host its runner waits
    deal: Optional[Deal]  # that it waits in, until one of several remotes gets it


class Run(RunLine):
    """What a listing shows of a run."""

    run_dir: str
    exit_status: Value
    flags: Value
    marked: Value
    comments: Value
    cmd: Value
    started_by: Optional[Starter]  # None: another program, or an earlier version, made it
    attempt: Count  # which start of its operation its status is that of
    ended_by: Optional[str]  # what has ended it, where a limit has
    job: Optional[JobForm]  # which it is, where a scheduler runs it


class ScalarFigures(TypedDict):
    """What is told of the numbers that a run printed by one name.

    `last` was printed at `time` (microseconds since 1970) with `step`. `min`, `max` and `mean` are
    those of the finite ones, with the steps of the first two; None where there is none.
    """

    last: Figure
    first: Figure
    min: Optional[Figure]
    max: Optional[Figure]
    mean: Optional[Figure]
    count: Count
    step: int
    time: Count
    min_step: int
    max_step: int


class ScalarForm(ScalarFigures, total=False):
    """A scalar of a run. With `partial` some of its output was not read: there may be more numbers
    than `count`, lower ones and higher ones."""

    partial: bool


class Points(TypedDict):
    """Points of a scalar, in the order in which they were printed: three lists of one length.

    `time` in microseconds since 1970. Of many, so many are kept as show the curve.
    """

    time: List[Count]
    step: List[int]
    value: List[Figure]


class NotedFile(TypedDict):
    """What was read of a run's file when it had this stamp; `partial`: not all of it was read."""

    stamp: str
    found: Dict[str, Points]
    partial: bool


class Confirmed(TypedDict):
    """When (microseconds since 1970) a remote last gave its word for a run, and which."""

    time: Count
    remote: str
    stamp: str  # tells whether the run has changed there since; empty where that is not known


class WaitedFor(TypedDict):
    """A process that a run waits for, and its command line."""

    pid: Count
    command: str


class Details(Run):
    """A run, and what takes a longer look."""

    pid: Optional[Count]
    waits_for: List[WaitedFor]  # what is left of an operation that has ended itself
    confirmed: Optional[Confirmed]
    sourcecode_digest: Value
    host: Value


OUTLINE_PIECES = 50  # of a curve: of each its outline has the lowest and the highest point


class Outline(TypedDict):
    """Points of a scalar's curve, some `of` so many: two lists of one length.

    A value that is of NOT_FINITE is a gap.
    """

    step: List[int]
    value: List[Figure]
    of: Count


class OutputEnds(TypedDict):
    """The first and the last of what a run's last attempt has printed.

    `left_out`: bytes that are between them; else all of it is in `first`. `bytes`: of all of it.
    """

    first: str
    last: str
    left_out: Count
    bytes: Count


class ColumnCell(TypedDict):
    """What a run has in a column; None where nothing. Numbers that JSON has not are NOT_FINITE."""

    heading: str
    value: Value


class ComparedRun(Run):
    """A run with what it is compared by: its scalars, and what is asked of it.

    `objective`: a scalar's name, behind a `-` where it is to be greatest; empty where guild.yml
    says none. `compare`: the columns that guild.yml names for its operation; `cells`: those that
    were asked for.
    """

    scalars: Dict[str, ScalarForm]
    objective: str
    compare: List[ColumnCell]
    cells: List[ColumnCell]


class ComparedListing(TypedDict):
    """Runs to be compared, and how many there are in all."""

    runs: List[ComparedRun]
    total: Count


class ListedRun(Run):
    """A run as a listing shows it that is sorted, or has columns of its own.

    `index`: by which it can be meant, whatever the order. `cells`: of the columns that were asked
    for. `order`: what it is sorted by, a number or a text.
    """

    index: Optional[Count]
    cells: List[ColumnCell]
    scalars: Dict[str, ScalarForm]
    order: Value


class ListedRuns(TypedDict):
    """Runs that were asked for in an order, or with columns, and how many there are in all.

    `sort`: the column that they are sorted by, as it was asked for, or as guild.yml has it.
    `unknown`: as the agent's `unknown_names`, of the columns that no run has; then `there` tells
    which names there are.
    """

    runs: List[ListedRun]
    total: Count
    sort: str
    unknown: Dict[str, List[str]]
    there: str


class GlancedRun(Run):
    """A run, and what it says: the last line of its output, which grew last at `said_at`.

    That is in microseconds since 1970; 0 where there is no output. `scalars`: some of them; `step`:
    the greatest with which one was printed, None where none is known to have been.
    """

    said: str
    said_at: Count
    scalars: Dict[str, ScalarForm]
    step: Optional[int]


class OutputPiece(TypedDict):
    """A piece of a run's output: what there is up to a position in that of an attempt.

    `is_over`: the run has ended, and this is the end of it.
    """

    attempt: Count
    position: Count
    text: str
    is_over: bool


class Attempt(TypedDict):
    """A start of a run's operation whose end is not the run's; as far as is known how it ended."""

    number: Count
    status: StatusName
    started: Value
    stopped: Value
    exit_status: Value
    ended_by: Optional[str]
    retried: bool  # its runner began the next one


class Info(Details):
    """All that is known of a run; of its attempts all but the one whose end is the run's."""

    attempts: List[Attempt]
    attrs: Dict[str, Value]
    manifest: List[str]
    scalars: Dict[str, ScalarForm]


class Listing(TypedDict):
    """The first of the runs that are meant, and how many there are in all.

    `others`: how many of the first would be other people's, were they meant too.
    """

    runs: List[Run]
    total: Count
    others: Count


class DetailedListing(TypedDict):
    """As Listing, with more of each."""

    runs: List[Details]
    total: Count


class Known(Run):
    """A run, and whether the beginning of its id that was asked for names it alone."""

    unique: bool


class MaybeRun(TypedDict):
    """A run, where there is one."""

    run: Optional[Run]


class State(TypedDict):
    """How a run is where it was made; None as status: it is not there."""

    status: Optional[StatusName]
    remote: Optional[str]
    exit_status: Value
    started: Value
    stopped: Value
    stamp: str  # the same one means that nothing of the run has changed; empty: not known
    left_out: List[Tuple[str, Count]]  # path and size of what a selection leaves out
    links: List[Tuple[str, str]]  # path and target of links that were not copied
    notes: Notes
    unreadable: List[str]  # paths that its remote may not read
    children: List[RunId]  # the runs that it consists of, by now
    inputs: List[Tuple[str, Count]]  # likewise, of what it was given, and is as it was
    bytes: Optional[Count]  # of its files, at most; None: they fit in the room that was told
    retries: Count  # attempts that its runner has begun again
    stalls: Count  # attempts that have stalled
    sample: Tuple[Count, Count]  # bytes of some of its files, and about how many once packed
    large: List[Tuple[str, Count]]  # path and size of files that may be copied by themselves
    sparse: bool  # a file of it has holes, or that is not known


if TYPE_CHECKING:
    Unread = State  # which is read one by one, so that one run costs no other
else:

    class Unread: ...


class SurveyForm(TypedDict):
    """How runs are, and the name of the guild home that they are in."""

    states: Dict[RunId, Unread]
    home_id: Optional[str]


class Offer(SurveyForm):
    """The runs that are meant, and how they are."""

    runs: List[Run]


class SentNotes(TypedDict):
    """What people wrote of a run, and what the side that gets it is known to have had."""

    notes: Notes
    base: Notes


class Begun(TypedDict):
    """A copy that has begun: where it goes, the runs that may not be copied, where those lie
    that were moved, and what was known of them here."""

    runs_dir: str
    incoming: str
    refused: Dict[RunId, str]
    foreign: Dict[RunId, str]
    before: Dict[RunId, Optional[StatusName]]
    began: Count
    moved: Dict[RunId, str]
    counts: Dict[RunId, Tuple[Count, Count]]  # `retries` and `stalls` of State, before


class Done(TypedDict):
    """Runs that something was done to, and why not to the others."""

    done: List[RunId]
    refused: Dict[RunId, str]


class Changed(Done, total=False):
    """As Done; of those that were removed for good, what of them lies elsewhere and was left."""

    left: Dict[RunId, str]


class Exported(Done):
    """Runs that were put into an archive, and `there` those that were in it already.

    `running`: the status of those that were not over. `inputs`: bytes that they are without of what
    they were given. `others`: what of them is neither a file
    nor a folder nor a link, and was left out. Unless all `bytes` of them fit, nothing was done.
    """

    there: List[RunId]
    running: Dict[RunId, str]
    inputs: Dict[RunId, Count]
    others: Dict[RunId, List[str]]
    bytes: Count
    fits: bool


class Packed(TypedDict):
    """How much of a run an archive holds, by its own word."""

    files: Count
    bytes: Count


class Contents(TypedDict):
    """The runs of an archive, and how many of its members are of none."""

    runs: Dict[RunId, Packed]
    strange: Count


class Imported(Done):
    """Runs that were taken out of an archive, and `there` those that were here already.

    `open`: those that had not ended when they were put into it. `links`: how many links of which
    run lead out of the runs, and were not made; `others` as Exported has them. `kept`: why runs
    that were to be moved are in the archive still.
    """

    there: List[RunId]
    open: List[RunId]
    links: Dict[RunId, Count]
    others: Dict[RunId, List[str]]
    kept: Dict[RunId, str]


class Picked(TypedDict):
    """One run among many, and the value of it that was asked for."""

    id: RunId
    run_dir: str
    value: Value


class ListedFile(TypedDict):
    """A file of a run."""

    path: str
    size: Count


class Link(TypedDict):
    """A link out of the runs, and where it leads."""

    path: str
    target: str


class Files(TypedDict):
    """The files of a run, and what its copy is without: left out, links, not readable there,
    and what the run was given."""

    id: RunId
    run_dir: str
    files: List[ListedFile]
    left_out: List[ListedFile]
    links: List[Link]
    unreadable: List[str]
    inputs: List[ListedFile]


class RequiredRun(TypedDict):
    """The run that a requirement would take, or why there is none."""

    run: Optional[Run]
    problem: str


class SelectionForm(TypedDict):
    """Which files of runs are left out of a copy. Sizes in bytes."""

    exclude: List[str]
    include: List[str]
    max_size: Optional[int]
    large: Optional[int]  # of a run that is not over
    delete: bool  # what came from there goes here too; for the agent it only makes another stamp
    inputs: bool  # what runs were given comes too


class FileForm(TypedDict):
    """The part of a requirement that is always there."""

    kind: str
    source: str
    name: str
    select: List[str]
    target_path: str
    rename: List[Tuple[str, str]]
    keep_folders: bool
    copy: bool


class RequirementForm(FileForm, total=False):
    """What an operation requires: project/definitions.py has it with its meaning.

    Of the keys below, one that is absent means what is empty, and `if_empty` "fail".
    """

    flag: str
    least: List[str]
    greatest: List[str]
    unpack: bool
    optional: bool
    if_empty: str
    sha256: str
    replace: bool
    help: str
    post_process: str
    always: bool
    model: str
    config: str  # of a configuration the file's text, as the project has it
    values: Dict[str, Value]  # what is to be put into it
    content: str  # its text with those


class ConfigForm(TypedDict):
    """A config file with the values of flags in it, as a run is given it."""

    path: str  # in the run
    source: str  # as guild.yml says it
    text: str
    problem: str  # why there is none, and the run cannot start


class RetryForm(TypedDict):
    """When an operation that has failed is begun again: project/definitions.py has its meaning."""

    count: int
    delay: Seconds
    pattern: str


class NeedsForm(TypedDict, total=False):
    """What a run needs of its host for itself alone; of what is absent, nothing."""

    gpus: Count
    cpus: Count
    memory: Count  # bytes


# The schedulers whose jobs runs can be.
SLURM, PBS = SCHEDULERS = ("slurm", "pbs")


class SchedulerForm(TypedDict):
    """The scheduler of a host whose runs are jobs, and what these get where nothing else is said.

    `options` has keys of `job`, as agent/scheduling/options.py reads them; `path` and `clusters`
    are empty where the commands are found, and mean one cluster.
    """

    type: str
    path: str
    clusters: str
    options: Dict[str, Value]


class Job(TypedDict, total=False):
    """What a runner is to do. It has one of argv, module, builtin."""

    op: str
    env: Dict[str, str]
    argv: List[str]
    module: str
    builtin: str
    args: List[str]
    requires: List[RequirementForm]
    config: ConfigForm
    paths: Dict[str, str]  # of flags: they have to be there when the operation starts
    environment: Dict[str, str]
    guild_home: str  # of a run that lies elsewhere
    source_dest: str  # the folder of the run that has its source code; absent: the run itself
    secrets: List[str]  # variables whose values the run does not keep
    python_path: List[str]  # folders of the run, in front of the module path
    python_requires: List[str]  # versions of Python, all of which have to be met
    stoppable: bool  # stopped by a signal it has completed
    retry: RetryForm  # absent: it is not begun again
    time_limit: Seconds  # of each attempt; absent: none
    stall: Seconds  # without output and CPU; absent: none
    needs: NeedsForm  # absent: nothing
    submit: Dict[str, Value]  # where runs are jobs of a scheduler: keys of `job`; absent: none
    pip_freeze: bool  # the run keeps which packages there are
    restart: str  # stands for the request that had the run be made again: it may come twice
    operation: Dict[str, Value]  # its definition, to make the run again without its project
    # Of a run that consists of others:
    children: List[Child]
    several: List[str]  # flags with several values
    rows: List[Dict[str, Value]]  # of a batch file: the flags of each trial, or of several
    is_pipeline: bool
    stops: bool  # at the first child that fails
    needed: bool  # it runs only what has not run elsewhere
    sources: List[SourcePart]  # where its children have not all the same
    done: Dict[str, RunId]  # of operations that ran before it in its pipeline
    isolated: Optional[bool]  # of a batch: whose runs its trials take, as of a child


# What a program may use of a machine's GPUs; AMD's runtimes read the others.
DEVICES, ROCR, HIP = "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"
NO_DEVICES = dict.fromkeys((DEVICES, ROCR, HIP), "")
# By which the runs that a pipeline, a batch or a queue starts have what that has of its host.
SHARED = "GUILD_SHARED"
# The id of the job in which a run is, or which it is: what it needs of its host that has seen to.
IN_JOB = "GUILD_JOB"
IN_JOB_OF = "GUILD_JOB_OF"  # the run that is this job
# A line of an output, where the one before it may be cut.
LOST = "guild: some output is lost here: the disk was full"
# The attributes that a run has of guild's own.
RESERVED = {
    "cmd", "comments", "deps", "env", "exit_status", "flags", "host", "id", "initialized", "label",
    "marked", "op", "opref", "pip_freeze", "platform", "random_seed", "sourcecode_digest",
    "ended_by", "environment", "resources", "staged", "started", "started_by", "stopped", "tags",
    "user", "vcs_commit",
}  # fmt: skip
# What of its host a run has had for itself: an attribute of ours.
RESOURCES = "resources"


def said_of(status: str) -> str:
    """What is said of a run with a status that is not `running`: `it has completed`."""
    ends = {
        "completed": "completed",
        "terminated": "been terminated",
        "error": "ended with an error",
    }
    return "it has %s" % ends[status] if status in ends else "it is %s" % status


class SourcePart(TypedDict):
    """Files of a run's source code that a run which it consists of has as its own."""

    root: str  # the folder that they are in, from that of all source code
    files: List[str]


class ExpectationForm(TypedDict):
    """What is checked of a step: project/definitions.py has it with its meaning."""

    file: str
    compare_to: str
    contains: str


class Child(TypedDict, total=False):
    """A run of a series."""

    name: str
    model: str
    operation: str
    opref: str
    attributes: Dict[str, Value]
    job: Job
    needed: bool  # it is not run where a run has done the same
    isolated: Optional[bool]  # whose runs it takes: project/definitions.py has it
    expect: List[ExpectationForm]
    source: int  # which of the series' `sources` it has; absent: all


class Recipe(Run):
    """What it takes to make a run again; no `work`: another program made it."""

    requires: List[str]  # of its project, what is installed for it
    opref_text: str
    work: Optional[Job]
    random_seed: Value
    confirmed: Optional[Confirmed]


class Made(TypedDict):
    """A run that was made; by their digests, contents for it that are to be sent."""

    run_dir: str
    missing: List[str]


class Wanting(TypedDict):
    """By their digests, contents that are to be sent before anything is done."""

    missing: List[str]


class ContentForm(TypedDict):
    """A file that a run has need of, by the SHA-256 of what is in it."""

    digest: str
    size: Count
    is_program: bool


class InstalledPackage(TypedDict):
    """A package in an environment that offers operations, and the folder of its guild.yml."""

    name: str
    version: str
    folder: str


class PackageFile(TypedDict):
    """A file of a package, by its path there; its text, where that says what is offered."""

    path: str
    text: Optional[str]


class Started(TypedDict):
    """A run that was started; `job`: the id of the job of a scheduler that it is, else empty."""

    pid: Optional[Count]
    status: StatusName
    job: str


class Exited(TypedDict):
    """How a program ended: its exit status, negative: the signal; None: its time was over."""

    code: Optional[int]


class Sent(TypedDict):
    """A stream of files that was sent, and why some of them could not be read."""

    unreadable: Dict[str, str]


class Waited(TypedDict):
    """Runs that still run, and the status of each that has ended; None: it is gone."""

    running: List[RunId]
    status: Dict[RunId, Optional[StatusName]]


class Found(TypedDict):
    """A lost run that is one of its remote's again."""

    id: RunId
    remote: str


class Trial(TypedDict):
    """How a trial of a batch over several remotes stands here; no status: it is not here any more.

    `waits`: no remote is known to have it; one that was deleted may be restored, and waits then.
    `remote`: it is that one's own.
    """

    run: RunId
    status: Optional[StatusName]
    remote: Optional[str]
    exit_status: Value
    waits: bool
    refused: Dict[str, str]


class TrialWork(TypedDict):
    """What it takes to make a trial on its remote."""

    opref: str
    attributes: Dict[str, Value]
    job: Job
    diff: str


class Expected(TypedDict):
    """A run that was started from here on `remote`, and is to come home.

    `time`: when it was started. `begun`: the remote has said that it is there. `starting`: the
    guild that starts it still lives.
    """

    run: RunId
    remote: str
    time: Count
    begun: bool
    starting: bool


class Copy(TypedDict):
    """A run that is a copy: of which remote's, and path and size of what was left out of it,
    and of what its run was given and it is without.

    `cleaned`: it was removed there, by guild, as it is here.
    """

    remote: str
    left_out: List[Tuple[str, Count]]
    inputs: List[Tuple[str, Count]]
    cleaned: bool


class Overview(TypedDict):
    """Of the runs of one remote: how many have which status; id, status and last word of the
    open ones."""

    runs: Dict[str, Count]
    open: List[Tuple[RunId, StatusName, Count]]


class Python(TypedDict):
    """A Python, by its version and where it is."""

    version: str
    executable: str


class Leaving(TypedDict):
    """What guild has left for itself and needs no more: a file or a folder, and its bytes."""

    kind: str  # of those that agent/leavings.py has
    path: str
    bytes: Count


class KeptEnvironment(TypedDict):
    """What requirements are installed in: its packages, when it was last used, by how many runs
    that are not over; `going`: it is removed, or would be."""

    name: str
    path: str
    packages: List[str]
    bytes: Count
    used: Seconds
    runs: Count
    going: bool


class Deleted(TypedDict):
    """A run in the trash: when it was moved there (microseconds since 1970), and its bytes."""

    time: Count
    bytes: Count


class FreeCard(TypedDict):
    """A GPU, or the part of one that is used as one; its memory in MiB, its use in percent.

    `run` has it, one of this login's. It is `free` where nobody has it, nor works on it.
    """

    index: str
    uuid: str
    name: str
    memory: Optional[Count]
    used: Optional[Count]
    use: Optional[Count]
    free: bool
    run: Optional[str]


class Free(TypedDict):
    """What a host has, and what of it is free; sizes in bytes.

    `problem`: why it tells of no GPUs. `load`: how many processes wanted a core in the last minute.
    `room`: on the disk of the guild home. `waiting`: how many runs wait for what they need.
    `refusal`: why a run could not start that needs what was said; empty where it could. `never`:
    not even where nobody else had anything of the host. `all_taken`: of that of which
    there is too little, nothing is free.
    """

    cards: List[FreeCard]
    problem: str
    cores: Count
    free_cores: Count
    load: Seconds
    memory: Optional[Count]
    free_memory: Optional[Count]
    room: Count
    runs: Count
    waiting: Count
    refusal: str
    never: bool
    all_taken: bool


class Glance(TypedDict):
    """A host at one glance, at its own time `now` (microseconds since 1970).

    `runs`: those that are open, and then those that ended lately; not more than are looked over.
    `open`: how many have which status; `ended` and `failed`: how many ended lately, and with an
    error. `free`: None where it cannot be told.
    """

    runs: List[GlancedRun]
    open: Dict[StatusName, Count]
    ended: Count
    failed: Count
    now: Count
    free: Optional[Free]


class HomeState(TypedDict):
    """A guild home, or the folder in which it would be made. Sizes in bytes."""

    path: str
    exists: bool
    free: Count
    inodes: Optional[Count]
    fault: str
    flock: Optional[bool]


class Checkup(TypedDict):
    """What a host has; rsync is its version, empty where it does not tell one."""

    python: Python
    rsync: Optional[str]
    home: HomeState
    ended: bool  # whether runs are ended when their user logs out


class ClusterForm(TypedDict):
    """A host whose runs are jobs: what its scheduler tells, or why it cannot be asked.

    `disk`: the kind of file system that the guild home is on. `is_own`: no other machine sees it.
    `refusal`: why a job that asks for what the remote's `job` says would not be taken; None: that
    cannot be told.
    """

    lines: List[Tuple[str, str]]
    problem: str
    disk: str
    is_own: bool
    refusal: Optional[str]


class NodeForm(TypedDict):
    """What a job finds on its node."""

    host: str
    python: str


class ProbeForm(TypedDict):
    """What became of a small job; `node` is None where it has left no answer.

    `state` and `reason` are the scheduler's last words, `said` the last line of what it printed.
    """

    job: str
    is_over: bool
    is_held: bool  # it waits for what only a person can do
    state: str
    reason: str
    nodes: str
    node: Optional[NodeForm]
    said: str


class Abilities(TypedDict):
    """What of what makes copies fast a host has: AES in its processor, zstd in its rsync."""

    aes: bool
    zstd: bool


class Activated(TypedDict):
    """An environment that works, and its installers' versions."""

    python: str
    version: str
    prefix: str
    pip: Optional[str]
    uv: Optional[str]


def rank_of(source: str, model: str, operation: str) -> Optional[int]:
    """How well an operation, `[MODEL:]NAME`, meets what one of a model requires: 0 is best.

    `source` has regular expressions with commas in between. One without a model means the
    operations of this `model`, or else of none, or else of any. None: it is not meant.
    """
    own, _, name = operation.rpartition(":")
    if name.endswith("+"):  # a batch, which has no files of its own
        return None
    ranks = []
    for pattern in source.split(","):
        pattern = pattern.strip()
        try:
            if ":" in pattern and re.fullmatch(pattern, operation):
                ranks.append(0)
            elif re.fullmatch(pattern, name):
                ranks.append(0 if own == model else 1 if not own else 2)
        except (re.error, RecursionError, OverflowError):
            continue
    return min(ranks) if ranks else None


def kept_name(path: str) -> str:
    """What a required file of the project is called among FILES: nothing in it leads out."""
    return "/".join(
        "=up=" if part == ".." else part for part in posixpath.normpath(path).split("/")
    )


def path_kept_as(name: str) -> str:
    """The path in the project of a file that is called so among FILES."""
    return "/".join(".." if part == "=up=" else part for part in name.split("/"))


def lasting(seconds: float) -> str:
    """A length of time as people write it: `45s`, `10h`, `1h30m`, `0.3s`."""
    whole = int(seconds)
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        count, whole = divmod(whole, length)
        parts += ["%d%s" % (count, unit)] if count else []
    rest = whole + seconds % 1
    parts += ["%.3g%s" % (rest, "s")] if rest or not parts else []
    return "".join(parts)


def needed(needs: NeedsForm) -> str:
    """What a run needs of its host, in words: `2 GPUs, 4 cores, 16.0G of memory`."""
    amounts = ((needs.get("gpus", 0), "GPU"), (needs.get("cpus", 0), "core"))
    said = [counted(amount, name) for amount, name in amounts if amount]
    if needs.get("memory"):
        said.append("%s of memory" % sized(needs["memory"]))
    return ", ".join(said)


def moment_of(value: Value) -> Optional[int]:
    """A run's time, in microseconds since 1970; None where it is none that a clock has told.

    A run's files, and a remote, may say anything, also what no float has room for.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LATEST:
        return value
    return None


def flags_of(run: Run) -> Dict[str, Value]:
    """A run's flags; none of one whose flags are no such thing."""
    return run["flags"] if isinstance(run["flags"], dict) else {}


def tags_of(run: RunLine) -> List[Value]:
    """A run's tags, as they are stored."""
    return run["tags"] if isinstance(run["tags"], list) else []


def name_in_project(opref: Opref) -> str:
    """What an operation is called in its project: `train`, `mlp:train`."""
    return "%s:%s" % (opref["model"], opref["name"]) if opref["model"] else opref["name"]


def goes_on(run: Run) -> bool:
    """Whether a run runs, or will by itself: one that is staged waits for a person."""
    is_given = run["deal"] is not None or run["job"] is not None
    return run["status"] in ("running", "pending") or (run["status"] == "staged" and is_given)


def counted(count: int, name: str) -> str:
    """`1 GPU`, `4 cores`."""
    return "%d %s%s" % (count, name, "" if count == 1 else "s")


def sized(count: int) -> str:
    """A number of bytes as people write it: `812`, `4.9K`, `3.2G` (powers of 1024)."""
    number = float(count)
    for unit in ("", "K", "M", "G", "T"):
        if number < 1023.95:
            return "%.1f%s" % (number, unit) if unit else str(count)
        number /= 1024
    return "%.1fP" % number


def figure(number: float) -> Figure:
    """A number as it travels."""
    return number if math.isfinite(number) else str(float(number))


def number(figure: Figure) -> float:
    """The number that travelled so."""
    return float(figure)


def new_run_id() -> str:
    """An id that no run has."""
    return os.urandom(16).hex()  # uuid's own take 2 ms to load


def now() -> int:
    """Microseconds since 1970, the unit of all times in a run."""
    return time.time_ns() // 1000
