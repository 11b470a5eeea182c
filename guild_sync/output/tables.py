"""Rows with aligned columns, no wider than a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from guild_sync.output.terminal import Styled, cut, styled, terminal_width, width_of


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines with aligned columns, two spaces between them.

    On a terminal no line is wider than it: what is behind its edge, most often the end of
    the last column, is cut. Elsewhere, as in a pipe, nothing is.
    """
    widths = [max(map(width_of, column), default=0) for column in zip(*rows, strict=True)]
    edge = terminal_width()
    return [_line(row, widths, edge) for row in rows]


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
