"""Runs of several remotes in one list, newest first, each with its index there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Generic, TypeVar

from guild_sync.agent.columns import in_order
from guild_sync.agent.protocol import ListedRun, Run

R = TypeVar("R", bound=Run)


@dataclass(frozen=True)
class PlacedRun(Generic[R]):
    """A run of a remote, and its index among those that were asked for there, if it has one."""

    remote: str
    index: int | None
    run: R

    @property
    def place(self) -> str:
        """How the run is meant among those of several remotes: `gpu1:3`; else where it is."""
        return self.remote if self.index is None else f"{self.remote}:{self.index}"


def newest_first(
    listings: Mapping[str, Sequence[R]], limit: int | None = None, indexed: bool = True
) -> list[PlacedRun[R]]:
    """The first `limit` of the runs of all remotes, each of which lists its newest first.

    Without `indexed` none has an index, as where runs were asked for by their names.
    """
    rows = [_rows(remote, runs, indexed) for remote, runs in listings.items()]
    return [*merge(*rows, key=_age)][:limit]


def by_column(
    listings: Mapping[str, Sequence[ListedRun]],
    is_falling: bool,
    limit: int | None = None,
    indexed: bool = True,
) -> list[PlacedRun[ListedRun]]:
    """As `newest_first`, in the order of what all of these runs are sorted by."""
    placed = [
        PlacedRun(remote, run["index"] if indexed else None, run)
        for remote, runs in listings.items()
        for run in runs
    ]
    placed.sort(key=_age)
    return in_order([(one, one.run["order"]) for one in placed], is_falling)[:limit]


def _rows(remote: str, runs: Sequence[R], indexed: bool) -> Iterator[PlacedRun[R]]:
    index = 0
    for run in runs:
        index += run["indexed"]
        yield PlacedRun(remote, index if indexed and run["indexed"] else None, run)


def _age(listed: PlacedRun[R]) -> int:
    began = listed.run["started"] or listed.run["initialized"]
    return -began if isinstance(began, int) else 0
