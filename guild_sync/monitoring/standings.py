"""How each remote stands: what the last syncs and the runs here tell, without asking it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from guild_sync.errors import Exit
from guild_sync.hooks.events import UNREACHABLE
from guild_sync.hosts.local import LocalHost
from guild_sync.sync import ledger
from guild_sync.sync.outcomes import FAILED

REACHABLE = "reachable"
NEVER = "not synced yet"


class Open(NamedTuple):
    """A run here that is not over, and when its remote last gave its word for it."""

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

    def lag(self, now: float) -> float:
        """Seconds since the last word for the open run that waits longest for one; 0 for none."""
        return max((now - run.confirmed for run in self.open), default=0.0)

    def stale(self, now: float, seconds: float) -> list[Open]:
        """The open runs that have not been confirmed for longer."""
        return [run for run in self.open if now - run.confirmed > seconds]


def standings(here: LocalHost, names: Iterable[str]) -> list[Standing]:
    """How the remotes of these names stand, and all others that runs here came from, by name."""
    seen = here.overview()
    entries = ledger.entries()
    found = []
    for name in sorted({*names, *seen, *entries}):
        of_remote = seen.get(name, {"runs": {}, "open": []})
        runs = tuple(Open(run, status, at / 1e6) for run, status, at in of_remote["open"])
        entry = entries.get(name) or ledger.Entry(name)
        found.append(Standing(entry, of_remote["runs"], runs))
    return found
