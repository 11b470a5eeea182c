"""How each remote stands: what the last syncs and the runs here tell, without asking it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from guild_sync.errors import Exit
from guild_sync.hooks.events import UNREACHABLE
from guild_sync.hosts.local import LocalHost
from guild_sync.runs import tracking
from guild_sync.sync import ledger
from guild_sync.sync.outcomes import FAILED

REACHABLE = "reachable"
NEVER = "not synced yet"
NOT_HERE_YET = "not here yet"  # the status here of a run that was started there from here


class Open(NamedTuple):
    """A run that is not over here, and when its remote last gave its word for it.

    Of one that is not here yet: when it was started.
    """

    run: str
    status: str
    confirmed: float  # seconds since 1970


@dataclass(frozen=True)
class Standing:
    """How one remote stands. Times are seconds since 1970."""

    entry: ledger.Entry
    runs: Mapping[str, int]  # status -> how many of its runs here have it
    open: tuple[Open, ...]

    @property
    def remote(self) -> str:
        return self.entry.remote

    @property
    def state(self) -> str:
        """`reachable`, `unreachable`, `failed` (it was reached, and to no use), or never synced."""
        if self.entry.failures:
            return UNREACHABLE if self.entry.exit == Exit.UNREACHABLE else FAILED
        return REACHABLE if self.entry.succeeded else NEVER

    @property
    def cramped(self) -> dict[str, int]:
        """The open runs whose files had no room here at the last sync, and their bytes."""
        sizes = self.entry.cramped
        return {run.run: sizes[run.run] for run in self.open if run.run in sizes}

    def lag(self, now: float) -> float:
        """Seconds since the last word for the open run that waits longest for one; 0 for none."""
        return max((now - run.confirmed for run in self.open), default=0.0)

    def stale(self, now: float, seconds: float) -> list[Open]:
        """The open runs that have not been confirmed for longer."""
        return [run for run in self.open if now - run.confirmed > seconds]


def standings(here: LocalHost, names: Iterable[str]) -> list[Standing]:
    """How the remotes of these names stand, and all others that runs here came from, by name."""
    seen = here.overview()
    for run in tracking.not_here_yet(here):
        of_remote = seen.setdefault(run["remote"], {"runs": {}, "open": []})
        of_remote["runs"][NOT_HERE_YET] = of_remote["runs"].get(NOT_HERE_YET, 0) + 1
        of_remote["open"].append((run["run"], NOT_HERE_YET, run["time"]))
    entries = ledger.entries()
    found = []
    for name in sorted({*names, *seen, *entries}):
        of_remote = seen.get(name, {"runs": {}, "open": []})
        runs = tuple(Open(run, status, at / 1e6) for run, status, at in of_remote["open"])
        entry = entries.get(name) or ledger.Entry(name)
        found.append(Standing(entry, of_remote["runs"], runs))
    return found
