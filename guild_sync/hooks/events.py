"""What hooks can be told of, as records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

UNREACHABLE = "unreachable"
REACHABLE = "reachable"  # again
OF_REMOTES = (UNREACHABLE, REACHABLE)
STARTED = "started"
EXPECTED = "expected"  # what a run is that was started from here and was not here yet
RETRIED = "retried"  # its runner has begun it again
STALLED = "stalled"
OF_ATTEMPTS = (STALLED, RETRIED)  # in the order in which they happen
EVENTS = (STARTED, "completed", "error", "terminated", "lost", *OF_ATTEMPTS, *OF_REMOTES)
Event = Mapping[str, Any]


class Change(NamedTuple):
    """A run's status here has changed, or it was tried again, or has stalled.

    `before` is None for a run that was not here, and EXPECTED where it had been started from here.
    """

    run: str
    remote: str
    before: str | None
    after: str
    counts: Mapping[str, int] = {}  # of OF_ATTEMPTS, how often by now: those that have happened


class ChangeListener(Protocol):
    """Is told of changes before they are made here, and of those that were made.

    What it was told to expect and a kill keeps from it, it can look up in the runs themselves.
    """

    def expect(self, changes: Sequence[Change]) -> None:
        """These changes are about to be made."""

    def happened(self, expected: Sequence[Change], changes: Sequence[Change]) -> None:
        """Of those that were expected, these were made, and no others."""

    def is_down(self, remote: str, reason: str, since: float) -> None:
        """The remote could not be reached any more, at the time `since` (seconds since 1970)."""

    def is_up(self, remote: str, since: float) -> None:
        """The remote answers again, which could not be reached from the time `since` on."""
