"""Runs beside each other as CSV, which spreadsheets and other programs read."""

from __future__ import annotations

import csv
import io

from guild_sync.agent.protocol import Value
from guild_sync.comparison import cells
from guild_sync.comparison.columns import RUN, SideColumn
from guild_sync.comparison.together import SideBySide
from guild_sync.output.terminal import clean


def text(comparison: SideBySide) -> str:
    """The headings, then a line a run: numbers as they are, no text that is a formula."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(cells.guarded(clean(column.heading)) for column in comparison.columns)
    for row in comparison.rows:
        pairs = zip(comparison.columns, row.values, strict=True)
        writer.writerow(cells.guarded(_cell(column, value)) for column, value in pairs)
    return written.getvalue()


def _cell(column: SideColumn, value: Value) -> str | int | float:
    if column.kind == RUN and column.heading == "time" and isinstance(value, float):
        minutes, seconds = divmod(int(value), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"  # as spreadsheets read it
    return cells.exact(value)
