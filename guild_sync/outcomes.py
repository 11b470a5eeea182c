"""What became of a copy or a sync, as records: reports, hooks and metrics are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from guild_sync.errors import Exit, GuildError

SYNCED = "synced"
BUSY = "busy"  # another guild works with the remote
LEFT_ALONE = "left alone"  # it failed lately, and its next try is yet to come
NOT_BEGUN = "not begun"  # the deadline had passed before
UNREACHABLE = "unreachable"
FAILED = "failed"  # it was reached, and could not do what was asked


class Change(NamedTuple):
    """A run's status here has changed. `before` is None for a run that was not here."""

    run: str
    remote: str
    before: str | None
    after: str


class Journal(Protocol):
    """Is told of changes before they are made here, and of those that were made.

    What it was told to expect and a kill keeps from it, it can look up in the runs themselves.
    """

    def expect(self, changes: Sequence[Change]) -> None:
        """These changes are about to be made."""

    def happened(self, expected: Sequence[Change], changes: Sequence[Change]) -> None:
        """Of those that were expected, these were made, and no others."""

    def is_down(self, remote: str, reason: str, since: float) -> None:
        """The remote could not be reached any more, at the time `since` (seconds since 1970)."""


@dataclass(frozen=True)
class Outcome:
    """What became of one remote in a sync."""

    remote: str
    state: str
    changes: Sequence[Change] = ()
    faults: Mapping[str, str] = field(default_factory=dict)  # run id -> why it is not whole
    missing: Sequence[str] = ()  # runs that the remote has no more, and that may become lost
    error: GuildError | None = None
    bytes: int = 0  # on the wire, by rsync
    seconds: float = 0.0
    is_news: bool = False  # whether the remote can be reached has changed

    @property
    def exit(self) -> Exit:
        """The exit status that it stands for; of several outcomes the highest counts."""
        if self.state in (BUSY, LEFT_ALONE):
            return Exit.OK
        if self.error:
            return self.error.exit
        lost = any(change.after == "lost" for change in self.changes)
        missing = Exit.ERROR if self.missing or lost else Exit.OK
        return Exit.INCOMPLETE if self.faults else missing
