"""What became of a copy or a sync, as records: reports, hooks and metrics are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from guild_sync.errors import Exit, GuildError
from guild_sync.hooks.events import Change

SYNCED = "synced"
BUSY = "busy"  # another guild works with the remote
LEFT_ALONE = "left alone"  # it failed lately, and its next try is yet to come
NOT_BEGUN = "not begun"  # the deadline had passed before
FAILED = "failed"  # it was reached, and could not do what was asked


class Outcome(NamedTuple):
    """What became of one remote in a sync."""

    remote: str
    state: str
    changes: Sequence[Change] = ()
    faults: Mapping[str, str] = MappingProxyType({})  # run id -> why it is not whole
    missing: Sequence[str] = ()  # runs that the remote has no more, and that may become lost
    error: GuildError | None = None
    bytes: int = 0  # on the wire, by rsync
    seconds: float = 0.0
    is_news: bool = False  # whether the remote can be reached has changed
    # run id -> what of it its remote may not read; all else of it is here
    unreadable: Mapping[str, Sequence[str]] = MappingProxyType({})
    cramped: Mapping[str, int] = MappingProxyType({})  # run id -> bytes that did not fit here
    # run id -> what of it was not as its remote has it, and is now
    mended: Mapping[str, Sequence[str]] = MappingProxyType({})
    gone: Sequence[str] = ()  # runs that are over, and that the remote has no more

    @property
    def exit(self) -> Exit:
        """The exit status that it stands for; of several outcomes the highest counts."""
        if self.state in (BUSY, LEFT_ALONE):
            return Exit.OK
        if self.error:
            return self.error.exit
        lost = any(change.after == "lost" for change in self.changes)
        missing = Exit.ERROR if self.missing or lost or self.gone else Exit.OK
        return Exit.INCOMPLETE if self.faults or self.unreadable or self.cramped else missing
