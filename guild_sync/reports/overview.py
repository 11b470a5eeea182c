"""The pages of all runs: the overview with the fleet, the table, and that which compares some."""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import STATUSES
from guild_sync.monitoring.standings import REACHABLE, Standing
from guild_sync.output.terminal import clean
from guild_sync.reports import columns, figures, operations, pages
from guild_sync.reports.operations import PageOfOperation
from guild_sync.reports.rows import Row

_LATEST = 12
_FEW = 10_000  # so many runs have their curves in the page that compares; of more it would be slow


class FleetLine(NamedTuple):
    """How a remote stands, as a line of a table; times are microseconds since 1970."""

    remote: str
    state: str
    mark: str
    since: int | None
    runs: str
    open: int
    succeeded: int | None
    next_try: int | None
    why: str


def overview(
    found: Sequence[Row], by_name: Sequence[PageOfOperation], fleet: Sequence[Standing]
) -> str:
    """The first page: how remotes stand, which operations there are, the latest runs."""
    return pages.page(
        "index.html",
        "",
        "index.html",
        host=clean(platform.node() or "this machine"),
        now=int(time.time() * 1e6),
        total=len(found),
        counts=operations.counts(found),
        operations=by_name,
        fleet=[_line(standing) for standing in fleet],
        latest=found[:_LATEST],
    )


def _line(standing: Standing) -> FleetLine:
    entry = standing.entry
    counts = ", ".join(f"{count} {status}" for status, count in sorted(standing.runs.items()))
    mark = "s-completed" if standing.state == REACHABLE else "s-error" if entry.failures else ""
    return FleetLine(
        standing.remote,
        standing.state,
        mark,
        _microseconds(entry.down_since) if entry.failures else None,
        counts or "none",
        len(standing.open),
        _microseconds(entry.succeeded),
        _microseconds(entry.next_try),
        entry.reason if entry.failures else "",
    )


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds * 1e6)


def table(found: Sequence[Row]) -> str:
    """The page with all runs in a table."""
    shown, left = columns.columns(found)
    there = {row["status"] for row in found}
    return pages.page(
        "runs.html",
        "",
        "runs.html",
        statuses=[status for status in STATUSES if status in there],
        names=sorted({row["operation"] for row in found}),
        columns=shown,
        left=left,
        lines=[(row, pages.Markup(columns.cells(row, shown))) for row in found],
    )


def comparison(found: Sequence[Row]) -> str:
    """The page that compares the runs that are named behind `#` in its address."""
    has_curves = len(found) <= _FEW
    return pages.page(
        "compare.html",
        "",
        "compare.html",
        data=pages.data([_data(row, has_curves) for row in found]),
    )


def _data(row: Row, has_curves: bool) -> list[object]:
    """What the page's script has of a run: static/report.js reads it in this order."""
    return [
        row["id"],
        row["operation"],
        row["status"],
        row["said"],
        row["label"],
        row["started"],
        row["seconds"],
        {clean(name): figures.word(value) for name, value in row["flags"].items()},
        {
            name: [
                figures.shown(scalar["last"]),
                figures.shown(scalar["min"]),
                figures.shown(scalar["max"]),
                scalar["spark"] if has_curves else "",
                scalar["ends"] if has_curves else [],
            ]
            for name, scalar in row["scalars"].items()
        },
        row["source"][:12],
        row["command"][:300],
        row["objective"],
    ]
