"""Runs that a remote has no more: missing, then lost."""

from __future__ import annotations

import time
from collections.abc import Sequence

from guild_sync.errors import RemoteError, RunNotFound
from guild_sync.hooks.events import Change
from guild_sync.hosts.remote import RemoteHost
from guild_sync.sync.ledger import Entry
from guild_sync.sync.request import Visit, Wanted
from guild_sync.transfer.survey import Survey, another_home


def lost_by_now(
    wanted: Wanted, begun: Sequence[str], survey: Survey, missing: Sequence[str], entry: Entry
) -> list[str]:
    """Those of the missing runs that are lost by now; the entry learns of the others.

    They are copies here, or were `begun` from here and have not come home.
    """
    asked = [*wanted.ids, *begun]
    if wanted.is_all:
        entry.missing = {i: at for i, at in entry.missing.items() if i in asked}
    if asked or is_same_home(survey.home_id, entry):
        entry.home_id = survey.home_id or entry.home_id
    return entry.lost(missing, asked, time.time())


def is_same_home(home_id: str | None, entry: Entry) -> bool:
    """Whether the guild home there may be the one in which the remote's runs were found."""
    return entry.home_id in (None, home_id)


def doubt(
    host: RemoteHost,
    home_id: str | None,
    entry: Entry,
    asked: Sequence[str],
    missing: Sequence[str],
) -> RemoteError | None:
    """Why the guild home there is not to be believed, in which none of the runs was found."""
    if not asked or not set(asked) <= set(missing):
        return None
    if home_id is None:
        return another_home(
            *(host, "empty, or another than before"),
            "Is a disk not mounted there? Nothing was changed here.",
        )
    if is_same_home(home_id, entry):
        return None
    return another_home(
        *(host, "another than before, and has none of the runs"),
        "Is another disk mounted there? Nothing was changed here. If the runs are gone "
        "for good, remove what is here of them with 'guild runs rm'.",
    )


def lose(visit: Visit, name: str, lost: Sequence[str]) -> list[Change]:
    if not lost:
        return []
    before = {i: s["status"] for i, s in visit.here.states(ids=lost).items()}
    changes = [Change(run_id, name, before[run_id], "lost") for run_id in lost]
    if visit.journal:
        visit.journal.expect(changes)
    made = visit.here.lose(ids=lost, remote=name)
    expected, changes = changes, [change for change in changes if change.run in made]
    if visit.journal:
        visit.journal.happened(expected, changes)
    return changes


def missing_error(run_id: str, name: str, is_here: bool) -> RunNotFound:
    what = "What is here of it is kept" if is_here else "It was started from here"
    return RunNotFound(
        f"run {run_id} is not on {name} any more",
        f"{what}. It becomes lost if that is still so at a sync a minute from now, or later.",
    )


def lost_error(run_id: str, name: str, is_here: bool) -> RunNotFound:
    hint = (
        f"What is here of it is kept. If it is there again: guild sync --restore {run_id}"
        if is_here
        else f"Nothing of it has come home. If it is there again: guild pull {name} {run_id}"
    )
    return RunNotFound(f"run {run_id} is lost: {name} has it no more", hint)
