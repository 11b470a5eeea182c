"""Rows with aligned columns, no wider than a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from guild_sync.output.terminal import Styled, cut, has_colours, styled, terminal_width, width_of


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns, two spaces between them.

    On a terminal no line is wider than it: what is behind its edge, most often the end of
    the last column, is cut. Elsewhere, as in a pipe, nothing is.
    """
    widths = [max(map(width_of, column), default=0) for column in zip(*rows, strict=True)]
    edge = terminal_width()
    return [_line(row, widths, edge) for row in rows]


def fitting(rows: Sequence[Sequence[str]], spare: int) -> Sequence[Sequence[str]]:
    """The rows without their column `spare`, where what is before the last one is too wide."""
    edge = terminal_width()
    if edge is None or not rows:
        return rows
    widths = [max(map(width_of, column)) for column in zip(*rows, strict=True)]
    if sum(widths[:-1]) + 2 * (len(widths) - 2) <= edge:
        return rows
    return [(*row[:spare], *row[spare + 1 :]) for row in rows]


def lines_of_many(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """As `table`, of so many rows that their room counts: each is one text until all are there.

    No cell has a NUL, as `clean` leaves none.
    """
    widths: list[int] = []
    packed: list[str] = []
    styles: list[tuple[str, ...]] = []
    known: dict[tuple[str, ...], tuple[str, ...]] = {}
    for row in rows:
        own = [width_of(cell) for cell in row]
        widths = list(map(max, own, widths or own))
        packed.append("\0".join(row))
        own_styles = tuple(cell.style if isinstance(cell, Styled) else "" for cell in row)
        styles.append(known.setdefault(own_styles, own_styles))
    edge, has_styles = terminal_width(), has_colours(sys.stdout)
    for text, own_styles in zip(packed, styles, strict=True):
        cells = text.split("\0")
        if edge is None and not has_styles:
            yield _plain_line(cells, widths)
        else:
            yield _line([*map(Styled.of, cells, own_styles)], widths, edge)


def _plain_line(row: Sequence[str], widths: Sequence[int]) -> str:
    """As `_line`, where neither the room nor styles count."""
    cells = zip(row, widths, strict=True)
    return "  ".join([cell + " " * (width - width_of(cell)) for cell, width in cells]).rstrip()


def _line(row: Sequence[str], widths: Sequence[int], edge: int | None) -> str:
    line, at, gap = "", 0, 0  # `gap` columns are to be left before the next text
    for cell, width in zip(row, widths, strict=True):
        shown = cell if edge is None else cut(cell, edge - at - gap)
        if shown:
            style = cell.style if isinstance(cell, Styled) else ""
            line += " " * gap + styled(shown, style, sys.stdout)
            at, gap = at + gap + width_of(shown), 0
        gap += width - width_of(shown) + 2
    return line.rstrip()
