"""The columns of tables of runs: flags and scalars, those first that tell runs apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from guild_sync.agent import columns as written
from guild_sync.agent.protocol import Value, number
from guild_sync.output import formats
from guild_sync.reports import figures, pages
from guild_sync.reports.rows import Row

MOST = 12  # columns of flags, and as many of scalars
_SHOWN = 4  # of each, until others are chosen
FLAG, SCALAR = "flag", "scalar"


class RunColumn(NamedTuple):
    """A column of a table of runs; `is_shown`: before anybody has chosen columns."""

    kind: str
    name: str
    is_number: bool
    is_shown: bool


def columns(rows: Sequence[Row]) -> tuple[list[RunColumn], int]:
    """The columns of a table of these runs, and for how many names there is no room."""
    flags = Counter(name for row in rows for name in row["flags"])
    scalars = Counter(name for row in rows for name in row["scalars"])
    for row in rows:
        objective, _ = written.judged_by(row["objective"])
        if objective.name in row["scalars"]:
            scalars[objective.name] += len(rows)  # what they are judged by is first
    values = {name: [row["flags"].get(name) for row in rows] for name, _ in flags.most_common(64)}
    varies = {
        name: len({repr(value) for value in found if value is not None}) > 1
        for name, found in values.items()
    }
    names = sorted(values, key=lambda name: (not varies[name], -flags[name], name))[:MOST]
    found = [
        RunColumn(FLAG, name, pages.numbered(values[name]), at < _SHOWN and varies[name])
        for at, name in enumerate(names)
    ]
    judged = sorted(scalars, key=lambda name: (-scalars[name], name))[:MOST]
    found += [RunColumn(SCALAR, name, True, at < _SHOWN) for at, name in enumerate(judged)]
    return found, len(flags) + len(scalars) - len(found)


def cells(row: Row, shown: Sequence[RunColumn]) -> str:
    """A run's cells in these columns, as markup."""
    return "".join(_cell(row, column) for column in shown)


def _cell(row: Row, column: RunColumn) -> str:
    if column.kind == SCALAR:
        scalar = row["scalars"].get(column.name)
        if scalar is None:
            return '<td class="num"></td>'
        last = scalar["last"]
        return f'<td class="num" data-n="{number(last)!r}">{figures.shown(last)}</td>'
    value: Value = row["flags"].get(column.name)
    found = formats.finite(value)
    if found is None:
        return f'<td class="flag">{escape(figures.word(value))}</td>'
    if column.is_number:
        return f'<td class="num" data-n="{found!r}">{escape(figures.word(value))}</td>'
    return f"<td>{escape(figures.word(value))}</td>"
