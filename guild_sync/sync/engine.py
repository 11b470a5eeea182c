"""Bring every run that is not over up to date with its remote, several remotes at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from guild_sync.agent.protocol import Filters
from guild_sync.errors import (
    Busy,
    DeadlinePassed,
    Exit,
    GuildError,
    RemoteError,
    SchedulerSilent,
    Unreachable,
)
from guild_sync.hooks.events import UNREACHABLE
from guild_sync.sync.outcomes import BUSY, FAILED, LEFT_ALONE, NOT_BEGUN, SYNCED, Outcome
from guild_sync.sync.request import Visit, Wanted, wanted

if TYPE_CHECKING:
    from guild_sync.dealing.dealer import Dealer
    from guild_sync.hosts.local import LocalHost
    from guild_sync.sync.ledger import Entry

T = TypeVar("T")


def sync(visit: Visit, runs: Sequence[str], filters: Filters, jobs: int) -> list[Outcome]:
    """Sync the runs that are not over, which `runs` names and `filters` leave.

    What became of each remote; `jobs` of them are worked on at a time. One that fails or
    hangs stops no other: its error goes to `warn` too. Ctrl-C ends all of them with guild.
    """
    grouped, strays, arrived = wanted(visit.here, runs, filters, visit.verify)
    if arrived:
        visit.here.forget_expected(arrived)
    mended = visit.here.mend(ids=strays) if strays else []
    for run_id in mended:
        visit.say(f"Mended {run_id}: it has ended, and waits no more")
    strays = [run_id for run_id in strays if run_id not in mended]
    dealer = None if runs or filters else _dealer(visit)
    for name in dealer.remotes if dealer else ():
        grouped.setdefault(name, Wanted([], []))
    if visit.batch:
        grouped = _of_batch(visit, grouped)
    if grouped:
        from guild_sync.transfer.room import Room

        visit = visit._replace(room=Room(), remotes=len(grouped))
    deadline = None if visit.limit is None else time.monotonic() + visit.limit
    work = [
        partial(_outcome, visit, name, group._replace(strays=strays), deadline, dealer)
        for name, group in grouped.items()
    ]
    return side_by_side(work, jobs)


def side_by_side(work: Sequence[Callable[[], T]], jobs: int) -> list[T]:
    """What each of `work` returns, with `jobs` of them at a time.

    Raises what it raised, once all the others have been worked on.
    """
    if len(work) < 2:
        return [result() for result in work]
    from guild_sync.transport.background import (
        in_turn,  # threads: not for nothing, nor for one remote
    )

    return in_turn(work, jobs)


def _dealer(visit: Visit) -> Dealer | None:
    """Who deals the trials of batches over several remotes; None where there is no such batch."""
    if not _has_batches(visit.here):
        return None
    from guild_sync.dealing.dealer import Dealer

    return Dealer(visit.here, visit.dealt or visit.say, visit.warn, visit.batch)


def has_trials(here: LocalHost) -> bool:
    """Whether trials wait here to be dealt to remotes."""
    if not _has_batches(here):
        return False
    from guild_sync.dealing.batches import has_work

    return has_work(here)


def _has_batches(here: LocalHost) -> bool:
    return os.path.isdir(os.path.join(here.home, "batches"))  # most guild homes have none


def _of_batch(visit: Visit, grouped: Mapping[str, Wanted]) -> dict[str, Wanted]:
    """Of the runs that remotes are to be asked for those of one batch."""
    from guild_sync.dealing.batches import family, find

    batch = find(visit.batch)
    if batch is None:
        return {}
    runs = family(batch, visit.here)
    return {
        name: Wanted([run for run in wanted.ids if run in runs], [], is_all=False)
        for name, wanted in grouped.items()
        if name in batch.remotes
    }


def _outcome(
    visit: Visit, name: str, wanted: Wanted, deadline: float | None, dealer: Dealer | None
) -> Outcome:
    """Visit a remote, and write down in its entry of the ledger how that went."""
    # Not before there is something to do: cron calls this every few minutes.
    from guild_sync.hosts import locking
    from guild_sync.sync import ledger
    from guild_sync.transport import process

    if deadline is not None and time.monotonic() >= deadline:
        error = DeadlinePassed(f"the deadline passed before remote {name!r} was asked")
        visit.warn(error)
        return Outcome(name, NOT_BEGUN, error=error)
    try:
        with process.deadline(deadline), locking.remote_lock(name, wait=False):
            entry = ledger.read(name)
            if visit.patient and entry.is_left_alone(time.time()):
                return Outcome(name, LEFT_ALONE, error=_left_alone(entry))
            outcome = _visited(visit, name, wanted, entry, dealer)
            ledger.write(entry)
    except Busy as e:
        if not visit.patient:
            visit.say(e.message)
        return Outcome(name, BUSY, error=e)
    if outcome.error:
        visit.warn(outcome.error)
    return outcome


def _left_alone(entry: Entry) -> GuildError:
    until = time.strftime("%H:%M:%S", time.localtime(entry.next_try))
    return GuildError(
        f"remote {entry.remote!r} is left alone until {until}: {entry.reason}",
        "'guild sync' by hand tries it at once.",
    )


def _visited(
    visit: Visit, name: str, wanted: Wanted, entry: Entry, dealer: Dealer | None
) -> Outcome:
    from guild_sync.sync import ledger
    from guild_sync.sync.visit import visited

    started = time.monotonic()

    def note_home(home_id: str) -> None:
        entry.home_id = home_id
        ledger.write(entry)

    try:
        if dealer:
            there = dealer.settled(name, entry.home_id, note_home)
            wanted = wanted._replace(ids=[*wanted.ids, *there])
        outcome = Outcome(name, SYNCED)
        if wanted.is_open or wanted.ended:
            outcome = visited(visit, name, wanted, entry)
        if dealer:
            dealer.deal(name)
    except DeadlinePassed:
        e = DeadlinePassed(
            f"the deadline passed while guild worked with remote {name!r}",
            "What is here of its runs is kept, and the next sync goes on.",
        )
        entry.failed(time.time(), e)
        return Outcome(name, FAILED, error=e, seconds=time.monotonic() - started)
    except GuildError as e:
        state = UNREACHABLE if isinstance(e, Unreachable) else FAILED
        is_news = entry.failed(time.time(), e)
        if state == UNREACHABLE:
            ledger.tell_down(entry, visit.journal)
        elif isinstance(e, RemoteError):  # it did answer
            ledger.tell_up(entry, visit.journal)
        return Outcome(name, state, error=e, seconds=time.monotonic() - started, is_news=is_news)
    seconds = time.monotonic() - started
    ledger.tell_up(entry, visit.journal)
    if isinstance(outcome.error, SchedulerSilent):
        is_news = entry.failed(time.time(), outcome.error)
        entry.exit = int(Exit.ERROR)  # it was reached
        return outcome._replace(state=FAILED, seconds=seconds, is_news=is_news)
    asked = {*wanted.ids, *wanted.ended, *(run["run"] for run in wanted.expected)}
    entry.note_room(asked, outcome.cramped)
    is_news = entry.was_reached(time.time(), outcome.bytes, seconds)
    return outcome._replace(seconds=seconds, is_news=is_news)
