"""The page of an operation: its runs from the best on, and its scalars by its flags."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guild_sync.agent import columns as written
from guild_sync.agent.protocol import STATUSES, Value, number
from guild_sync.output import formats
from guild_sync.reports import columns, figures, pages, rows, svg
from guild_sync.reports.rows import Row

_BEST = 50  # runs in its table
_MOST_FLAGS, _MOST_SCALARS = 6, 4  # that are plotted against each other
_MOST_WORDS = 12  # different values of a flag that has no numbers


class PageOfOperation(NamedTuple):
    """An operation: its runs, newest first, and the one that is best by what they are judged by."""

    name: str
    project: str
    file: str
    rows: Sequence[Row]
    objective: str  # a scalar, behind a `-` where it is to be greatest; empty where none is said
    best: Row | None

    @property
    def judged(self) -> str:
        """What its runs are judged by, in words; empty where that is not said."""
        if not self.objective:
            return ""
        text, is_greatest = written.order_of(self.objective)
        return f"{'highest' if is_greatest else 'lowest'} {text}"

    @property
    def best_figure(self) -> str:
        """The number of the best."""
        if self.best is None:
            return ""
        return figures.shown(rows.judged_by(self.best, self.objective))


def file_of(found: Row) -> str:
    """The name of the file that is the page of a run's operation."""
    name, project = rows.key(found)
    digest = hashlib.sha256(f"{project}\0{name}".encode("utf-8", "replace")).hexdigest()[:16]
    word = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-")
    return f"{word}-{digest}.html" if word else f"{digest}.html"


def operations(found: Iterable[Row]) -> list[PageOfOperation]:
    """All operations of these runs, which come newest first, by name."""
    of: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        of.setdefault(rows.key(row), []).append(row)
    return [_operation(*key, runs) for key, runs in sorted(of.items())]


def _operation(name: str, project: str, runs: Sequence[Row]) -> PageOfOperation:
    objective = next((row["objective"] for row in runs if row["objective"]), "")
    ranked = ranking(runs, objective)
    best = ranked[0] if objective and _rank(ranked[0], objective) < math.inf else None
    return PageOfOperation(name, project, file_of(runs[0]), runs, objective if best else "", best)


def ranking(runs: Sequence[Row], objective: str) -> list[Row]:
    """The runs, the best first; those as they are where nothing says which is best."""
    return sorted(runs, key=lambda row: _rank(row, objective)) if objective else [*runs]


def _rank(row: Row, objective: str) -> float:
    value = formats.finite(rows.judged_by(row, objective))
    if value is None:
        return math.inf
    return -value if written.order_of(objective)[1] else value


def counts(runs: Iterable[Row]) -> list[tuple[str, int]]:
    """How many of the runs have which status, in the order of statuses."""
    found = Counter(row["status"] for row in runs)
    return [(status, found[status]) for status in STATUSES if found[status]]


def page(found: PageOfOperation) -> str:
    """The page of an operation."""
    shown, _ = columns.columns(found.rows)
    best = ranking(found.rows, found.objective)[:_BEST]
    pairs = list(_pairs(found))
    plots = [_plot(found, flag, scalar, f"p{at}") for at, (flag, scalar) in enumerate(pairs)]
    return pages.page(
        "operation.html",
        "../",
        o=found,
        counts=counts(found.rows),
        plots=[plot for plot in plots if plot],
        is_cut=len(pairs) == _MOST_FLAGS * _MOST_SCALARS,
        best=[(row, pages.Markup(columns.cells(row, shown))) for row in best],
        columns=shown,
    )


def _pairs(found: PageOfOperation) -> Iterator[tuple[str, str]]:
    """The flags and scalars that are plotted, those by which runs are judged first."""
    scalars = Counter(name for row in found.rows for name in row["scalars"])
    judged = written.judged_by(found.objective)[0].name
    names = sorted(scalars, key=lambda name: (name != judged, -scalars[name], name))
    flags = [
        name
        for name, _ in Counter(name for row in found.rows for name in row["flags"]).most_common(64)
        if _is_plotted([row["flags"].get(name) for row in found.rows])
    ]
    for scalar in names[:_MOST_SCALARS]:
        for flag in flags[:_MOST_FLAGS]:
            yield flag, scalar


def _is_plotted(values: Sequence[Value]) -> bool:
    there = [value for value in values if value is not None]
    different = {repr(value) for value in there}
    return len(different) > 1 and (pages.numbered(there) or len(different) <= _MOST_WORDS)


def _plot(
    found: PageOfOperation, flag: str, scalar: str, key: str
) -> tuple[str, pages.Markup] | None:
    """A scatter plot with its title; None where fewer than two runs have both."""
    pairs = [
        (row, row["flags"][flag], number(row["scalars"][scalar]["last"]))
        for row in found.rows
        if row["flags"].get(flag) is not None and scalar in row["scalars"]
    ]
    pairs = [pair for pair in pairs if math.isfinite(pair[2])]
    values = [value for _, value, _ in pairs]
    if len({repr(value) for value in values}) < 2:
        return None
    words: list[str] = []
    numbers = [formats.finite(value) for value in values]
    if None in numbers:
        words = sorted({figures.word(value) for value in values})
        numbers = [float(words.index(figures.word(value))) for value in values]
    dots = [
        svg.Dot(
            at or 0.0,
            up,
            f"{row['id'][:8]} {row['label']}: {flag}={figures.word(value)}, "
            f"{scalar} {figures.shown(up)}",
            f"../runs/{row['id']}.html",
        )
        for (row, value, up), at in zip(pairs, numbers, strict=True)
    ]
    title = f"{scalar} by {flag}"
    return title, pages.Markup(svg.scatter(title, dots, words, key))
