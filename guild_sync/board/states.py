"""What is known of each remote and its runs, and how answers, faults and time change that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from guild_sync.agent.protocol import FINAL, Free, Glance, GlancedRun
from guild_sync.errors import Exit, GuildError, Unreachable
from guild_sync.monitoring.standings import Standing

# How a remote stands on the board.
UNASKED = "not asked yet"
ASKED = "asked"
ANSWERS = "answers"
SILENT = "silent"  # it was asked, and has said nothing for a while
DOWN = "down"
FAILS = "fails"  # it was reached, and guild cannot work there

MOST_RUNS = 200  # of a remote
FAILED = "failed"  # among counts: ended lately, with an error
SILENT_AFTER = 5.0  # seconds without an answer
_FIRST_WAIT, _LONGEST_WAIT = 15.0, 300.0  # seconds that one that failed is left alone


@dataclass(frozen=True)
class RemoteState:
    """How a remote stands. Times are seconds since 1970, by the clock here.

    `heard`: when it last told of its runs, be it to a sync. `counts`: how many of its runs are open
    with which status, and under FAILED, in its own answers, those that ended lately with an
    error. `clock`: how many seconds its own clock is behind the one here. `is_live`: what is
    known is its own answer.
    """

    name: str
    state: str = UNASKED
    since: float | None = None  # when it was asked, or first failed; None: not known
    heard: float | None = None
    error: GuildError | None = None
    failures: int = 0
    next_try: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    runs: Sequence[GlancedRun] = ()
    confirmed: Mapping[str, float] = field(default_factory=dict)  # of copies, by run
    clock: float = 0.0
    free: Free | None = None
    is_live: bool = False

    @property
    def exit(self) -> Exit:
        """The exit status that it stands for; no answer is one that could not be reached."""
        if self.error is not None:
            return self.error.exit
        return Exit.OK if self.is_live and self.state == ANSWERS else Exit.UNREACHABLE

    @property
    def open_ids(self) -> list[str]:
        """Its runs that are not over, as far as is known."""
        return [run["id"] for run in self.runs if run["status"] not in FINAL]


class BoardModel:
    """The remotes of a board. It is told what happens, and asks nobody."""

    def __init__(self, names: Iterable[str]) -> None:
        self._states = {name: RemoteState(name) for name in names}

    @property
    def names(self) -> list[str]:
        return [*self._states]

    def state(self, name: str) -> RemoteState:
        return self._states[name]

    def remotes(self, now: float) -> list[RemoteState]:
        """Each as it stands now: one that has said nothing for long is silent."""
        return [_at(state, now) for state in self._states.values()]

    def remember(self, standing: Standing, copies: Sequence[GlancedRun]) -> None:
        """Take what syncs have found, which an answer has not told better."""
        before = self._states.get(standing.remote)
        if before is None or before.is_live:
            return
        entry = standing.entry
        state = before.state
        if before.state == UNASKED and entry.failures:
            state = DOWN if entry.exit == Exit.UNREACHABLE else FAILS
        counts: dict[str, int] = {}
        for run in standing.open:
            counts[run.status] = counts.get(run.status, 0) + 1
        remembered = replace(
            before,
            state=state,
            since=entry.down_since if state in (DOWN, FAILS) else before.since,
            heard=entry.succeeded,
            counts=counts,
            runs=[run for run in copies if run["status"] not in FINAL],
            confirmed={run.run: run.confirmed for run in standing.open},
        )
        self._keep(remembered)

    def asked(self, name: str, now: float) -> None:
        """Take that it is asked now. One that failed keeps its place until it answers."""
        before = self._states[name]
        if before.state not in (DOWN, FAILS):
            self._keep(replace(before, state=ASKED, since=now))

    def answered(self, name: str, now: float, found: Glance) -> None:
        state = RemoteState(
            name,
            ANSWERS,
            since=now,
            heard=now,
            counts={**found["open"], **({FAILED: found["failed"]} if found["failed"] else {})},
            runs=_bounded(found["runs"]),
            clock=now - found["now"] / 1e6,
            free=found["free"],
            is_live=True,
        )
        self._keep(state)

    def failed(self, name: str, now: float, error: GuildError) -> None:
        """Take that it could not be asked: what was known of it stays, and it is left alone."""
        before = self._states[name]
        was_down = before.state in (DOWN, FAILS) and before.since is not None
        wait = min(_FIRST_WAIT * 2.0 ** min(before.failures, 16), _LONGEST_WAIT)
        failed = replace(
            before,
            state=DOWN if isinstance(error, Unreachable) else FAILS,
            since=before.since if was_down else now,
            error=error,
            failures=before.failures + 1,
            next_try=now + wait,
        )
        self._keep(failed)

    def hurry(self) -> None:
        """Have those that failed be asked again now."""
        for state in [*self._states.values()]:
            self._keep(replace(state, next_try=None))

    def wait(self, name: str, now: float, interval: float) -> float:
        """The seconds until a remote is to be asked again."""
        state = self._states[name]
        return interval if state.next_try is None else max(0.0, state.next_try - now)

    def _keep(self, state: RemoteState) -> None:
        self._states[state.name] = state


def _bounded(runs: Sequence[GlancedRun]) -> list[GlancedRun]:
    """Each run once, and no more of them than a remote that keeps to it would tell of."""
    return [*{run["id"]: run for run in runs[:MOST_RUNS]}.values()]


def _at(state: RemoteState, now: float) -> RemoteState:
    if state.state != ASKED or state.since is None:
        return state
    if now - state.since >= SILENT_AFTER:
        return replace(state, state=SILENT)
    return replace(state, state=ANSWERS, since=state.heard) if state.is_live else state
