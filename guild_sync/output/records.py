"""What `--json` prints, as typed records: programs read them, so keys are only ever added.

`guild runs` and `guild info` print the agent's records of runs (agent/protocol.py). Times are
seconds since 1970. tests/integration/test_json_contract.py has what is promised of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from guild_sync.agent.protocol import ComparedRun, Free, GlancedRun, Run, ScalarForm, Value


class Check(TypedDict):
    """One line of `guild check`."""

    name: str
    ok: bool
    text: str
    hint: str | None
    figures: Mapping[str, float] | None  # what the text says in numbers, by name and unit


class Checks(TypedDict):
    """What `guild check` says of one host; `host` is None for this machine."""

    host: str | None
    checks: list[Check]


class HookRecord(TypedDict):
    """A hook, notification or heartbeat, as `guild hooks` lists it, and how many events wait."""

    kind: str
    name: str
    on: Sequence[str]
    remotes: Sequence[str]
    waiting: int
    tries: int


class HookTest(TypedDict):
    """What came back from one: `guild hooks test`; `event` is None for the heartbeat."""

    kind: str
    name: str
    event: str | None
    ok: bool
    said: str


class RemoteRecord(TypedDict):
    """A remote, as `guild remotes` lists it."""

    name: str
    type: str
    host: str
    description: str


class AskedRemote(RemoteRecord):
    """A remote, and what it said: `guild remotes --status`.

    `logged_in` is when a login opened its connection, which closes after `keep_open` idle seconds;
    0 stands for never.
    """

    status: str
    message: str | None
    hint: str | None
    python: str | None
    home: str | None
    logged_in: int | None
    keep_open: int | None


class FreeRemote(RemoteRecord):
    """A remote, and what it has and what of it is free: `guild remotes --free`."""

    status: str
    message: str | None
    hint: str | None
    free: Free | None


class OperationRecord(TypedDict):
    """An operation of the project; each flag with its default. With faults it cannot run."""

    name: str
    description: str
    flags: Mapping[str, object]
    faults: list[str]


class ModelRecord(TypedDict):
    """A model of the project, with the names of its operations: `guild models`."""

    name: str
    description: str
    operations: list[str]


class OpenRun(TypedDict):
    """A run that is not over, and when its remote last gave its word for it."""

    run: str
    status: str
    confirmed: float


class RunRecord(Run, total=False):
    """A run: `guild runs`. `scalars` is always there.

    `columns`: by their headings, what it has in the columns that were asked for. `on_remote`: of
    several remotes that were asked, the one that it is on.
    """

    scalars: Mapping[str, ScalarForm]
    columns: Mapping[str, Value]
    on_remote: str


class ComparedColumnRecord(TypedDict):
    """A column of runs beside each other. `kind`: run, asked, compare, flag or scalar."""

    heading: str
    kind: str


class ComparedRunRecord(ComparedRun):
    """A run beside others. `values`: what it has in each column; `rank`: 1 for the best.

    `on_remote` is None for a run here, `index` where runs were asked for by their names.
    """

    on_remote: str | None
    index: int | None
    rank: int | None
    values: Mapping[str, Value]


class ComparisonRecord(TypedDict):
    """Runs beside each other: `guild compare`.

    `objective` is a scalar, behind a `-` where it is to be greatest.
    `sorted` is the heading of the column that the runs are sorted by, None: the newest are first.
    """

    columns: list[ComparedColumnRecord]
    objective: str | None
    sorted: str | None
    descending: bool
    runs: list[ComparedRunRecord]
    total: int


class StandingRecord(TypedDict):
    """How a remote stands: `guild status`. `runs` has how many have which status."""

    remote: str
    state: str
    since: float | None
    reason: str
    failures: int
    last_try: float | None
    last_success: float | None
    next_try: float | None
    runs: Mapping[str, int]
    open: list[OpenRun]
    missing: Mapping[str, float]
    no_room: Mapping[str, int]
    lag: float
    stale: list[str]


class FleetRun(GlancedRun):
    """A run of a board. `progress` and its `part`, 0 to 1: how far it is, where that is known.

    `confirmed`: when its remote gave its word for what is told.
    """

    progress: str | None
    part: float | None
    confirmed: float | None
    is_over: bool


class FleetRemote(TypedDict):
    """A remote and its runs: `guild fleet`. `state`: `answers`, `silent`, `down`, `fails`, `asked`.

    `since`: when it was asked or first failed; `heard`: when it last told of its runs. `live`: what
    is told is its own answer, else what is known here. `open`: how many runs have which status;
    `failed`: how many ended lately with an error.
    """

    remote: str
    state: str
    since: float | None
    heard: float | None
    live: bool
    message: str | None
    hint: str | None
    open: Mapping[str, int]
    failed: int | None
    free: Free | None
    runs: list[FleetRun]


class PlannedRun(TypedDict):
    """What a sync would copy of one run: its status here and there, files, and their bytes."""

    run: str
    before: str | None
    after: str
    files: int
    bytes: int


class RemotePlan(TypedDict):
    """What a sync would copy from one remote."""

    remote: str
    error: str | None
    runs: list[PlannedRun]
    missing: Sequence[str]
    files: int
    bytes: int


class PlanRecord(TypedDict):
    """What a sync would copy, and whether there is room for it: `guild sync --plan`."""

    remotes: list[RemotePlan]
    bytes: int
    free: int
    fits: bool


class ReportRecord(TypedDict):
    """A report that is written: its first page, and how many pages were written and removed."""

    page: str
    runs: int
    written: int
    removed: int
    bytes: int


class ExportRecord(TypedDict):
    """What became of runs: `guild export`. `there`: they were in the archive already."""

    file: str
    done: Sequence[str]
    there: Sequence[str]
    refused: Mapping[str, str]
    running: Mapping[str, str]
    inputs: Mapping[str, int]
    bytes: int


class EventFilesRecord(TypedDict):
    """What became of runs: `guild export --tensorboard`. `without`: those that have no scalars."""

    folder: str
    done: Sequence[str]
    unchanged: Sequence[str]
    without: Sequence[str]


class ImportRecord(TypedDict):
    """What became of runs: `guild import`. `there`: they were here already.

    `open` had not ended; `links` has how many of which run lead out; `kept` why a run that was to
    be moved is in the archive still.
    """

    file: str
    done: Sequence[str]
    there: Sequence[str]
    refused: Mapping[str, str]
    open: Sequence[str]
    links: Mapping[str, int]
    kept: Mapping[str, str]


class VerifiedRun(TypedDict):
    """A run here, held against its remote's. `verdict`: `same`, `differs` or `not checked`.

    `differing`, `unreadable` and `left_out` have paths in the run, `files` and `bytes` what was
    compared.
    """

    run: str
    remote: str
    verdict: str
    why: str | None
    differing: Sequence[str]
    unreadable: Sequence[str]
    left_out: Sequence[str]
    files: int
    bytes: int


class FailedRemote(TypedDict):
    """A remote that could not be asked, and why."""

    remote: str
    error: str


class VerifyRecord(TypedDict):
    """Which runs are here as their remotes have them: `guild verify`."""

    runs: list[VerifiedRun]
    remotes: list[FailedRemote]
    files: int
    bytes: int
    differing: int


class CleanedRun(TypedDict):
    """A run of a remote: why it was kept there; None: it was removed, or would be."""

    run: str
    kept: str | None
    bytes: int | None  # of one that is not kept


class CleanedFile(TypedDict):
    """A file or folder of guild's own here that was removed, or would be."""

    kind: str  # log, agent, fetched, content
    path: str
    bytes: int


class CleanRecord(TypedDict):
    """What was removed from a remote, or with `plan` would be: `guild clean`.

    `remote`: None for what was removed here, of the trash and `files`.
    `others`: how many runs of other people's nobody has looked at. `bytes`: of what goes.
    """

    remote: str | None
    plan: bool
    runs: list[CleanedRun]
    files: list[CleanedFile]
    others: int
    bytes: int
