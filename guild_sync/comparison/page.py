"""Runs beside each other as lines: whole in a pipe, on a terminal as much as it has room for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from guild_sync.comparison import ranks
from guild_sync.comparison.columns import RUN
from guild_sync.comparison.together import ComparedRow, SideBySide
from guild_sync.output import formats, runs, tables
from guild_sync.output.cells import as_lasting
from guild_sync.output.terminal import Styled, clean, cut, terminal_width, width_of

MARK = "*"  # in front of the best number, for those who see no colours
STYLES = {ranks.BEST: "green", ranks.GOOD: "cyan", ranks.FAIR: "", ranks.POOR: "yellow", "": ""}
_LEAST = 12  # columns of the terminal that text keeps before another column is left out
_LEAST_HEADING = 6  # and a heading, above numbers that are narrower
_GAP = 2
_TEXTS = ("label", "operation")  # of what every run has, what may be cut


def lines(comparison: SideBySide) -> Iterator[str]:
    """A heading, and a line for each run; below them, on a terminal, what it has no room for."""
    if not comparison.rows:
        yield "There is no run to compare."
        return
    edge = terminal_width()
    is_short = edge is not None
    texts = [_texts(comparison, at, is_short) for at in range(len(comparison.columns))]
    widths = _fitting(comparison, texts, edge)
    numeric = {at: is_numeric(comparison, at) for at in widths}  # a look at all rows, once
    columns = [
        [_like(text, _cut(text, width, numeric[at])) for text in texts[at]]
        for at, width in widths.items()
    ]
    yield from tables.table([*zip(*columns, strict=True)])
    if edge is not None:
        yield from (cut(line, edge) for line in _below(comparison, widths))
    for problem in comparison.problems:
        yield clean(problem) if edge is None else cut(clean(problem), edge)


def _below(comparison: SideBySide, shown: Collection[int]) -> Iterator[str]:
    """What no column tells: which flags are the same in all runs, what is left out."""
    if comparison.same:
        same = [f"{name}={formats.shown(value)}" for name, value in comparison.same.items()]
        yield clean(f"The same in all: {' '.join(same)}")
    left_out = [c.heading for at, c in enumerate(comparison.columns) if at not in shown]
    if left_out:
        yield clean(f"No room for: {', '.join(left_out)}")


def text_in(comparison: SideBySide, row: ComparedRow, at: int, is_short: bool = True) -> str:
    """What a person reads in a column of a run, with its style; in short on a terminal."""
    column, value = comparison.columns[at], row.values[at]
    if column.kind == RUN:
        return _of_run(column.heading, row, value, is_short)
    text = as_lasting(column.text, value, row.placed.run)
    if at == comparison.ranked and text:
        mark = MARK if row.tone == ranks.BEST else ""
        return Styled.of(mark + text, STYLES[row.tone])
    return text


def is_numeric(comparison: SideBySide, at: int) -> bool:
    """Whether all that runs have in a column is numbers, which stand below each other."""
    if comparison.columns[at].heading == "time" and comparison.columns[at].kind == RUN:
        return True
    values = [row.values[at] for row in comparison.rows if row.values[at] is not None]
    return bool(values) and all(formats.number_in(value) is not None for value in values)


def _of_run(heading: str, row: ComparedRow, value: object, is_short: bool) -> str:
    run, index = row.placed.run, row.placed.index
    if heading == "run":
        return f"[{run['id'][:8]}]" if index is None else f"[{index}:{run['id'][:8]}]"
    if heading == "remote":
        return clean(row.placed.remote)
    if heading == "status":
        return runs.status(run)
    if heading == "time":
        return formats.lasted(value) if isinstance(value, float) else ""
    if heading == "operation" and is_short:
        return runs.short_operation(run)
    text = clean("" if value is None else value)
    return text[:-3] if heading == "started" and is_short else text  # without its seconds


def _texts(comparison: SideBySide, at: int, is_short: bool) -> list[str]:
    """A column's heading, and the cells below it."""
    heading = Styled.of(clean(comparison.columns[at].heading), "bold")
    return [heading, *(text_in(comparison, row, at, is_short) for row in comparison.rows)]


def _cut(text: str, width: int, is_number: bool) -> str:
    """A cell in so many columns of the terminal; numbers stand below each other."""
    shown = cut(text, width)
    return " " * (width - width_of(shown)) + shown if is_number else shown


def _like(cell: str, text: str) -> str:
    """A text in the style of a cell."""
    return Styled.of(text, cell.style) if isinstance(cell, Styled) else text


def _fitting(
    comparison: SideBySide, texts: Sequence[Sequence[str]], edge: int | None
) -> dict[int, int]:
    """The columns that there is room for, and their widths: all of them where nothing is cut."""
    whole = {at: max(map(width_of, cells)) for at, cells in enumerate(texts)}
    if edge is None:
        return whole
    least = {at: min(width, _least(comparison, at)) for at, width in whole.items()}
    kept = [*whole]
    while len(kept) > 1 and sum(least[at] + _GAP for at in kept) - _GAP > edge:
        kept.remove(max(kept, key=lambda at: (_weight(comparison, at), at)))
    left = edge + _GAP - sum(least[at] + _GAP for at in kept)
    widths = {}
    for at in kept:
        more = max(0, min(left, whole[at] - least[at]))
        widths[at] = min(least[at] + more, edge)
        left -= more
    return widths


def _least(comparison: SideBySide, at: int) -> int:
    """How wide a column is at least, if it has anything as wide: numbers are never cut."""
    column = comparison.columns[at]
    if is_numeric(comparison, at) or (column.kind == RUN and column.heading not in _TEXTS):
        widest = max(width_of(text_in(comparison, row, at)) for row in comparison.rows)
        return max(widest, _LEAST_HEADING)
    return _LEAST


def _weight(comparison: SideBySide, at: int) -> int:
    return 1 if at in (comparison.ranked, comparison.sorted) else comparison.columns[at].weight
