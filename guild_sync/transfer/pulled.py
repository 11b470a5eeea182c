"""What became of a pull: for those that may have nothing to pull, and load nothing that does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from guild_sync.hooks.events import Change


class Pulled(NamedTuple):
    """What became of a pull: why for each run that is not whole, what changed, bytes.

    And what people have changed both here and there, which stays here as it is.
    `unreadable`: the paths that the remote itself may not read, of runs that are whole else;
    `altered`: what it sent as if the runs had been given it, and is not here.
    """

    faults: dict[str, str]
    changes: Sequence[Change] = ()
    bytes: int = 0
    conflicts: Mapping[str, Sequence[str]] = {}
    unreadable: Mapping[str, Sequence[str]] = {}
    foreign: Mapping[str, str] = {}  # run id -> whose it is; such a run stays as it is
    came: Collection[str] = ()  # runs of which something has come that was not here
    cramped: Mapping[str, int] = {}  # run id -> bytes for which there is no room here
    altered: Mapping[str, Sequence[str]] = {}

    @property
    def lacking(self) -> dict[str, Sequence[str]]:
        """Of runs that are whole else the paths of what could not come."""
        return {**self.unreadable, **self.altered}

    @property
    def unfinished(self) -> set[str]:
        """The runs that were not settled: they keep their marks until the next time."""
        return {*self.faults, *self.cramped}
