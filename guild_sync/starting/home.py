"""What runs elsewhere brought home, by the command that has started it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from guild_sync.config.home import guild_home
from guild_sync.errors import GuildError, refused
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console
from guild_sync.output.console import say

if TYPE_CHECKING:
    from guild_sync.sync.outcomes import Outcome
    from guild_sync.sync.request import Say, Visit, Warn

_MOST_AT_ONCE = 8  # remotes that a batch is dealt to at a time, as 'guild sync' has it


class Dealing:
    """Deals a batch to the remotes that have places, and brings home what has ended.

    What keeps a remote from it is told once, until that has answered.
    """

    def __init__(self, here: LocalHost, batch_id: str) -> None:
        self._here = here
        self._batch = batch_id
        self._told: dict[str, str] = {}  # by remote

    def once(self, is_patient: bool) -> list[str]:
        """The remotes that answered, or that another guild works with."""
        from guild_sync.hooks.events import UNREACHABLE
        from guild_sync.sync.outcomes import BUSY, FAILED, SYNCED

        visit = _visit(self._here, _silently, self._warn)
        visit = visit._replace(patient=is_patient, batch=self._batch, dealt=say)
        outcomes = _visited(visit, [])
        _tell_hooks(self._here, console.warn)
        for outcome in outcomes:
            if outcome.state == SYNCED:
                self._told.pop(outcome.remote, None)
            elif outcome.error and outcome.state in (FAILED, UNREACHABLE):
                self._told[outcome.remote] = outcome.error.message
        return [outcome.remote for outcome in outcomes if outcome.state in (SYNCED, BUSY)]

    def _warn(self, error: GuildError) -> None:
        if error.message not in self._told.values():
            console.warn(error)


def bring(run_id: str) -> bool:
    """Bring here a run that was waited for; whether that went well, else one line tells of it."""
    from guild_sync.sync.outcomes import BUSY

    here = LocalHost(str(guild_home()))
    faults: list[GuildError] = []
    untold: list[GuildError] = []
    # Scripts read what a run prints: only people are told what is done beside.
    visit = _visit(here, say if sys.stdout.isatty() else _silently, faults.append)
    with _errors_in(faults):
        faults += [o.error for o in _visited(visit, [run_id]) if o.error and o.state == BUSY]
    with _errors_in(untold):
        _tell_hooks(here, untold.append)
    if faults:
        console.complain(f"{run_id} is not home whole: {faults[0].message}")
    for fault in untold:
        console.complain(fault.message)
    return not faults


def _silently(text: str) -> None:
    pass


def _visit(here: LocalHost, told: Say, warn: Warn) -> Visit:
    from guild_sync.hooks import journal
    from guild_sync.sync.request import Visit

    return Visit(here, told, warn, journal=journal.Journal(here))


def _visited(visit: Visit, runs: list[str]) -> list[Outcome]:
    from guild_sync.sync import engine

    return engine.sync(visit, runs, {}, jobs=_MOST_AT_ONCE)


def _tell_hooks(here: LocalHost, warn: Warn) -> None:
    from guild_sync.hooks import delivery

    delivery.deliver(here, warn)


@contextmanager
def _errors_in(faults: list[GuildError]) -> Iterator[None]:
    """Keep what goes wrong: guild's exit status is that of the operation, which has ended."""
    try:
        yield
    except GuildError as e:
        faults.append(e)
    except OSError as e:
        faults.append(refused(e))
    except KeyboardInterrupt:
        faults.append(GuildError("interrupted"))
