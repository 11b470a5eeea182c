"""Which runs of which remotes are to be brought up to date, and how remotes are visited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import FINAL, Expected, Filters
from guild_sync.errors import GuildError
from guild_sync.hooks.events import ChangeListener
from guild_sync.hosts.local import LocalHost

if TYPE_CHECKING:
    from guild_sync.config.selection import Selection
    from guild_sync.transfer.room import Room

Say = Callable[[str], None]
Warn = Callable[[GuildError], None]


class Wanted(NamedTuple):
    """The runs to ask a remote for: copies of its own, and those that may be of any remote.

    And those that were started there from here, whether they have come home by now or not.
    `ended`: its copies that are over, which are to be verified.
    """

    ids: list[str]
    expected: list[Expected]
    is_all: bool = True  # whether the remote has no other run that is not over
    strays: Sequence[str] = ()
    ended: Sequence[str] = ()

    @property
    def is_open(self) -> bool:
        """Whether there is any run of which the remote may have news."""
        return bool(self.ids or self.expected)


class Visit(NamedTuple):
    """How remotes are visited, and who is told of it."""

    here: LocalHost
    say: Say
    warn: Warn
    patient: bool = False  # whether one that failed lately is left alone for a while
    journal: ChangeListener | None = None
    selected: Callable[[Selection], Selection] = lambda configured: configured
    limit: float | None = None  # seconds after which all that still goes on is ended
    room: Room | None = None  # here, for all remotes together; a sync looks at it
    remotes: int = 1  # that are visited, and share the room
    verify: bool = False  # whether copies are verified, and mended
    batch: str = ""  # whose trials alone are dealt and brought home, where one is named
    dealt: Say | None = None  # who is told of trials that are dealt, where that is not `say`

    def share(self) -> int | None:
        """The bytes that a remote may send without its being asked how much it is."""
        if self.room is None:
            return None
        return self.room.left(Path(self.here.home, "runs")) // self.remotes


class Grouped(NamedTuple):
    """The runs that each remote is to be asked for, and those that any may be asked for."""

    of: dict[str, Wanted]
    strays: list[str]
    arrived: Sequence[str] = ()  # are here, and no remote is to be asked where they are

    @property
    def has_any(self) -> bool:
        """Whether there is anything to be done."""
        return bool(self.of or self.strays or self.arrived)


def wanted(here: LocalHost, runs: Sequence[str], filters: Filters, ended: bool = False) -> Grouped:
    """The runs that remotes are to be asked for; with `ended`, copies that are over, too.

    A run that is still being started is none of them: there may be nothing of it yet. Nor is one
    that has come home, of which a kill or a pull from elsewhere has left that it is expected.
    """
    expected = [e for e in here.expected() if e["begun"] or not e["starting"]]
    tracked = here.tracked()
    arrived = _arrived(here, expected, tracked) if expected else set()
    expected = [run for run in expected if run["run"] not in arrived]
    chosen = _chosen(here, expected, runs, filters) if runs or filters else None
    grouped: dict[str, Wanted] = {}
    strays: list[str] = []

    def of(remote: str) -> Wanted:
        return grouped.setdefault(remote, Wanted([], [], chosen is None))

    for run_id, remote in tracked:
        if chosen is not None and run_id not in chosen:
            continue
        if remote:
            of(remote).ids.append(run_id)
        else:
            strays.append(run_id)
    for run in expected:
        if chosen is None or run["run"] in chosen:
            of(run["remote"]).expected.append(run)
    if ended:
        for remote, ids in _ended(here, chosen).items():
            grouped[remote] = of(remote)._replace(ended=ids)
    return Grouped(grouped, strays, sorted(arrived))


def named(here: LocalHost, runs: Sequence[str], filters: Filters) -> list[str]:
    """The ids of the runs that are named, be they here or expected. Raises RunNotFound."""
    return sorted(_chosen(here, here.expected(), runs, filters))


def _ended(here: LocalHost, chosen: Collection[str] | None) -> Mapping[str, list[str]]:
    """Of each remote the copies here that are over."""
    listed = here.list_runs(filters={"status": [*FINAL]}, whole=True)["runs"]
    found: dict[str, list[str]] = {}
    for run_id, copy in here.copies([run["id"] for run in listed]).items():
        if chosen is None or run_id in chosen:
            found.setdefault(copy["remote"], []).append(run_id)
    return found


def _arrived(
    here: LocalHost, expected: Sequence[Expected], tracked: Sequence[tuple[str, str]]
) -> set[str]:
    copies = set(tracked)
    states = here.states(ids=[run["run"] for run in expected])
    return {
        run["run"]
        for run in expected
        if states[run["run"]]["status"] and (run["run"], run["remote"]) not in copies
    }


def _chosen(
    here: LocalHost, expected: Sequence[Expected], runs: Sequence[str], filters: Filters
) -> set[str]:
    """The runs that are named, or that filters leave: these know nothing of what is not here."""
    from guild_sync.transfer.survey import is_id_of

    awaited = {run["run"]: spec for run in expected for spec in runs if is_id_of(spec, run["run"])}
    specs = [spec for spec in runs if spec not in awaited.values()]
    if runs and not specs:
        return set(awaited)
    listed = here.list_runs(specs=specs, filters=filters, whole=True)["runs"]
    if not runs and set(filters) == {"mine"}:  # what is expected was started from here
        awaited = {run["run"]: run["remote"] for run in expected}
    return {*awaited, *(run["id"] for run in listed)}
