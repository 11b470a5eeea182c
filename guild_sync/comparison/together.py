"""Runs beside each other: columns, rows, order and ranks, made of what hosts have told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from guild_sync.agent import columns as written
from guild_sync.agent.protocol import Value, goes_on
from guild_sync.comparison import cells, columns, ranks
from guild_sync.comparison.columns import Placed, SideColumn, WantedColumns
from guild_sync.errors import GuildError
from guild_sync.output import formats
from guild_sync.output.terminal import clean


@dataclass(frozen=True)
class Order:
    """In which order the runs are, and how many of them are shown.

    Without a column it is what guild.yml says under `objective`, else the newest come first.
    """

    column: str = ""
    descending: bool = False
    is_ranking: bool = False  # the first of this order is the best
    top: int | None = None


@dataclass(frozen=True)
class ComparedRow:
    """A run, what it has in each column, and its rank, 1 for the best, where runs are ranked."""

    placed: Placed
    values: Sequence[Value]
    rank: int | None
    tone: str


@dataclass(frozen=True)
class SideBySide:
    """Runs beside each other."""

    columns: Sequence[SideColumn]
    rows: Sequence[ComparedRow]
    objective: str = ""  # by which they are ranked: a scalar, behind a `-` the greatest is best
    ranked: int | None = None  # the column with the numbers that rank them
    sorted: int | None = None  # the column that they are sorted by
    descending: bool = False
    same: Mapping[str, Value] = field(default_factory=dict)  # flags that all have, and no column
    total: int = 0  # how many runs there are, with those that are not shown
    is_placed: bool = False  # they are on several remotes
    goes_on: bool = False  # one of them runs, or is about to
    problems: Sequence[str] = ()  # why there is no later word of some


def compared(
    placed: Sequence[Placed], wanted: WantedColumns, order: Order, total: int | None = None
) -> SideBySide:
    """The runs beside each other, of which the newest come first in what is handed over.

    Raises GuildError where they are to be ordered by a column in which no run has anything.
    """
    objective = _objective(placed)
    judged, is_greatest = written.order_of(objective)
    wanted = replace(wanted, objective=judged)
    by = _column_of(order, placed, wanted)
    judge, greatest = by if order.is_ranking else None, order.descending
    if judge is None and objective:
        judge, greatest = columns.scalar(judged), is_greatest
    by, descending = (by, order.descending) if by else (judge, greatest)
    numbers = [formats.finite(judge.value(one)) if judge else None for one in placed]
    found = ranks.ranks(numbers, greatest)
    tones = ranks.tones(found)
    places = cells.ordered([by.value(one) for one in placed], descending) if by else None
    shown = (range(len(placed)) if places is None else places)[: order.top]
    kept = [placed[at] for at in shown]
    chosen = columns.chosen(kept, wanted)
    return SideBySide(
        chosen,
        [
            ComparedRow(placed[at], [c.value(placed[at]) for c in chosen], found[at], tones[at])
            for at in shown
        ],
        objective,
        ranked=_place_of(judge, chosen, kept),
        sorted=_place_of(by, chosen, kept),
        descending=descending,
        same=_same(kept, chosen),
        total=len(placed) if total is None else total,
        is_placed=wanted.placed,
        goes_on=any(goes_on(one.run) for one in placed),
    )


def _objective(placed: Sequence[Placed]) -> str:
    """What guild.yml says is to be least or greatest, where it says one thing of these runs."""
    said = {one.run["objective"] for one in placed} - {""}
    return said.pop() if len(said) == 1 else ""


def _column_of(order: Order, placed: Sequence[Placed], wanted: WantedColumns) -> SideColumn | None:
    """The column that runs are to be ordered by; None where none is named."""
    if not order.column:
        return None
    every = replace(wanted, only_asked=False, core=True, of_operation=True)
    every = replace(every, same=True, unchanged=True, system=True)
    found = columns.chosen(placed, every)
    meant = [column for column in found if _is_meant(column, order.column)]
    numbered = (c for c in meant if any(formats.finite(c.value(one)) is not None for one in placed))
    # What runs have printed is what they are judged by, be there a flag of that name.
    meant.sort(key=lambda column: column.kind != columns.SCALAR)
    # Text does not hide a number of that name; what every run has may be anything.
    column = next(numbered, meant[0] if meant else None)
    if column is not None and column.kind == columns.RUN:
        return column
    if placed and (column is None or all(column.value(one) is None for one in placed)):
        raise GuildError(f"no run has {clean(order.column)!r}", known(placed, order.column))
    return column


def _is_meant(column: SideColumn, text: str) -> bool:
    """Whether a column is one that a text can mean: by its heading, or by what it is called."""
    kind = written.name(text).kind
    if kind in (columns.FLAG, columns.SCALAR) and column.kind in (columns.FLAG, columns.SCALAR):
        return column.kind == kind and columns.heading(text) == (column.title or column.heading)
    return column.heading == text or columns.heading(text) in (column.heading, column.title)


def known(placed: Sequence[Placed], asked: str) -> str:
    """What can be said where a column is not known: what is like it, and what there is."""
    found = (*columns.flags(placed), *columns.scalars(placed))
    names = [*dict.fromkeys(column.heading for column in found)]
    return formats.there_are(asked, names) or "None of these runs has a flag or a scalar."


def _place_of(
    column: SideColumn | None, chosen: Sequence[SideColumn], placed: Sequence[Placed]
) -> int | None:
    """Where a column is among those that are shown, be it below another heading."""
    if column is None:
        return None
    for at, one in enumerate(chosen):
        if one.heading == column.heading and columns.tell_the_same(column, one, placed):
            return at
    return next(
        (at for at, one in enumerate(chosen) if columns.tell_the_same(column, one, placed)), None
    )


def _same(placed: Sequence[Placed], chosen: Sequence[SideColumn]) -> dict[str, Value]:
    """The flags that all runs have with one value, and that no column shows."""
    shown = {column.heading for column in chosen}
    return {
        column.heading: column.value(placed[0])
        for column in columns.flags(placed)
        if column.heading not in shown and columns.is_same(column, placed)
    }
