"""Bring every run that is not over up to date with its remote, several remotes at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from guild_sync.errors import (
    Busy,
    DeadlinePassed,
    GuildError,
    RemoteError,
    RunNotFound,
    Unreachable,
)
from guild_sync.hosts.choose import remote_host
from guild_sync.hosts.local import LocalHost
from guild_sync.hosts.remote import RemoteHost
from guild_sync.outcomes import (
    BUSY,
    FAILED,
    LEFT_ALONE,
    NOT_BEGUN,
    SYNCED,
    UNREACHABLE,
    Change,
    Journal,
    Outcome,
)

if TYPE_CHECKING:
    from guild_sync.config.selection import Selection
    from guild_sync.ledger import Entry
    from guild_sync.transfer import Survey

T = TypeVar("T")
Say = Callable[[str], None]
Warn = Callable[[GuildError], None]


class Wanted(NamedTuple):
    """The runs to ask a remote for: its own, and those that may be of any remote."""

    ids: list[str]
    is_all: bool = True  # whether the remote has no other run that is not over
    strays: Sequence[str] = ()


class Visit(NamedTuple):
    """How remotes are visited, and who is told of it."""

    here: LocalHost
    say: Say
    warn: Warn
    patient: bool = False  # whether one that failed lately is left alone for a while
    journal: Journal | None = None
    selected: Callable[[Selection], Selection] = lambda configured: configured
    limit: float | None = None  # seconds after which all that still goes on is ended


def sync(visit: Visit, runs: Sequence[str], filters: Mapping[str, Any], jobs: int) -> list[Outcome]:
    """Sync the runs that are not over, which `runs` names and `filters` leave.

    What became of each remote; `jobs` of them are worked on at a time. One that fails or
    hangs stops no other: its error goes to `warn` too. Ctrl-C ends all of them with guild.
    """
    grouped, strays = wanted(visit.here, runs, filters)
    mended = visit.here.call("mend", ids=strays) if strays else []
    for run_id in mended:
        visit.say(f"Mended {run_id}: it has ended, and waits no more")
    strays = [run_id for run_id in strays if run_id not in mended]
    deadline = None if visit.limit is None else time.monotonic() + visit.limit
    work = [
        partial(_outcome, visit, name, group._replace(strays=strays), deadline)
        for name, group in grouped.items()
    ]
    return side_by_side(work, jobs)


def wanted(
    here: LocalHost, runs: Sequence[str], filters: Mapping[str, Any]
) -> tuple[dict[str, Wanted], list[str]]:
    """The runs here that each remote is to be asked for, and those that any may be asked for."""
    chosen = None
    if runs or filters:  # else no run but those that are synced need be looked at
        chosen = {run["id"] for run in here.call("list", specs=runs, filters=filters)["runs"]}
    grouped: dict[str, Wanted] = {}
    strays: list[str] = []
    for run_id, remote in here.call("tracked"):
        if chosen is not None and run_id not in chosen:
            continue
        if remote:
            grouped.setdefault(remote, Wanted([], chosen is None)).ids.append(run_id)
        else:
            strays.append(run_id)
    return grouped, strays


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


def _outcome(visit: Visit, name: str, wanted: Wanted, deadline: float | None) -> Outcome:
    """Visit a remote, and write down in its entry of the ledger how that went."""
    # Not before there is something to do: cron calls this every few minutes.
    from guild_sync import ledger
    from guild_sync.hosts import locking
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
            outcome = _visited(visit, name, wanted, entry)
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


def _visited(visit: Visit, name: str, wanted: Wanted, entry: Entry) -> Outcome:
    started = time.monotonic()
    try:
        outcome = _synced(visit, name, wanted, entry)
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
        if visit.journal and is_news and state == UNREACHABLE:
            visit.journal.is_down(name, e.message, entry.down_since or time.time())
        return Outcome(name, state, error=e, seconds=time.monotonic() - started, is_news=is_news)
    seconds = time.monotonic() - started
    is_news = entry.was_reached(time.time(), outcome.bytes, seconds)
    return replace(outcome, seconds=seconds, is_news=is_news)


def _synced(visit: Visit, name: str, wanted: Wanted, entry: Entry) -> Outcome:
    """Ask the remote once for all runs, copy at one go those that changed, settle them."""
    from guild_sync import transfer
    from guild_sync.config import remotes

    here, ids = visit.here, wanted.ids
    host = remote_host(remotes.remote(name), make_home=False)
    visit.say(f"Resolving {'run' if len(ids) == 1 else f'{len(ids)} runs'} on {name}")
    selection = visit.selected(host.remote.pull)
    survey = transfer.survey(host, [*ids, *wanted.strays], selection, stamps=True)
    found = {run_id: state for run_id, state in survey.states.items() if state}
    missing = [run_id for run_id in ids if run_id not in found]
    lost = _lost(host, wanted, survey, missing, entry)
    for run_id in found:
        visit.say(f"Syncing {run_id}")
    unchanged = here.call("confirm_unchanged", states=found, remote=name)
    changed = {run_id: state for run_id, state in found.items() if run_id not in unchanged}
    pulled = transfer.Pulled({})
    if changed:
        pulled = transfer.pull(host, here, changed, visit.say, journal=visit.journal)
    transfer.warn_of(pulled.faults, host, visit.warn)
    changes = [*pulled.changes, *_lose(visit, name, lost)]
    missing = [run_id for run_id in missing if run_id not in lost]
    for run_id in missing:
        visit.warn(_missing(run_id, name))
    for run_id in lost:
        visit.warn(_is_lost(run_id, name))
    return Outcome(name, SYNCED, changes, pulled.faults, missing, bytes=pulled.bytes)


def _lost(
    host: RemoteHost, wanted: Wanted, survey: Survey, missing: Sequence[str], entry: Entry
) -> list[str]:
    """Those of the missing runs that are lost by now; the entry learns of the others.

    Raises RemoteError where the guild home there is not the one in which the runs were.
    """
    if wanted.is_all:
        entry.missing = {i: at for i, at in entry.missing.items() if i in wanted.ids}
    if len(missing) == len(wanted.ids):
        _check_home(host, survey.home_id, entry)
    entry.home_id = survey.home_id or entry.home_id
    return entry.lost(missing, wanted.ids, time.time())


def _check_home(host: RemoteHost, home_id: str | None, entry: Entry) -> None:
    """Raise RemoteError unless a home in which no run was found may be believed."""
    where = f"guild home of remote {host.name!r} ({host.home})"
    if home_id is None:
        raise RemoteError(
            f"the {where} is empty, or another than before",
            "Is a disk not mounted there? Nothing was changed here.",
        )
    if entry.home_id not in (None, home_id):
        raise RemoteError(
            f"the {where} is another than before, and has none of the runs",
            "Is another disk mounted there? Nothing was changed here. If the runs are gone "
            "for good, remove what is here of them with 'guild runs rm'.",
        )


def _lose(visit: Visit, name: str, lost: Sequence[str]) -> list[Change]:
    if not lost:
        return []
    before = {i: s["status"] for i, s in visit.here.call("states", ids=lost).items()}
    changes = [Change(run_id, name, before[run_id], "lost") for run_id in lost]
    if visit.journal:
        visit.journal.expect(changes)
    made = visit.here.call("lose", ids=lost, remote=name)
    expected, changes = changes, [change for change in changes if change.run in made]
    if visit.journal:
        visit.journal.happened(expected, changes)
    return changes


def _missing(run_id: str, name: str) -> RunNotFound:
    return RunNotFound(
        f"run {run_id} is not on {name} any more",
        "What is here of it is kept. It becomes lost if that is still so at a sync a minute "
        "from now, or later.",
    )


def _is_lost(run_id: str, name: str) -> RunNotFound:
    return RunNotFound(
        f"run {run_id} is lost: {name} has it no more",
        f"What is here of it is kept. If it is there again: guild sync --restore {run_id}",
    )
