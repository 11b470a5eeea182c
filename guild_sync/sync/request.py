"""Which runs of which remotes are to be brought up to date, and how remotes are visited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from guild_sync.agent.protocol import Filters
from guild_sync.errors import GuildError
from guild_sync.hooks.events import ChangeListener
from guild_sync.hosts.local import LocalHost

if TYPE_CHECKING:
    from guild_sync.config.selection import Selection


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
    journal: ChangeListener | None = None
    selected: Callable[[Selection], Selection] = lambda configured: configured
    limit: float | None = None  # seconds after which all that still goes on is ended


def wanted(
    here: LocalHost, runs: Sequence[str], filters: Filters
) -> tuple[dict[str, Wanted], list[str]]:
    """The runs here that each remote is to be asked for, and those that any may be asked for."""
    chosen = None
    if runs or filters:  # else no run but those that are synced need be looked at
        chosen = {
            run["id"] for run in here.list_runs(specs=runs, filters=filters, whole=True)["runs"]
        }
    grouped: dict[str, Wanted] = {}
    strays: list[str] = []
    for run_id, remote in here.tracked():
        if chosen is not None and run_id not in chosen:
            continue
        if remote:
            grouped.setdefault(remote, Wanted([], chosen is None)).ids.append(run_id)
        else:
            strays.append(run_id)
    return grouped, strays
