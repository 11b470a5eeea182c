"""Runs beside each other as a record, which `--json` prints."""

from __future__ import annotations

from guild_sync.comparison.together import ComparedRow, SideBySide
from guild_sync.output.records import ComparedRunRecord, ComparisonRecord


def of(comparison: SideBySide) -> ComparisonRecord:
    """The columns, and the runs in their order, each with its cells by the columns' headings."""
    sorts = comparison.columns[comparison.sorted].heading if comparison.sorted is not None else None
    return {
        "columns": [{"heading": c.heading, "kind": c.kind} for c in comparison.columns],
        "objective": comparison.objective or None,
        "sorted": sorts,
        "descending": comparison.descending,
        "runs": [_run(comparison, row) for row in comparison.rows],
        "total": comparison.total,
    }


def _run(comparison: SideBySide, row: ComparedRow) -> ComparedRunRecord:
    headings = (column.heading for column in comparison.columns)
    return {
        **row.placed.run,
        "on_remote": row.placed.remote or None,
        "index": row.placed.index,
        "rank": row.rank,
        "values": dict(zip(headings, row.values, strict=True)),
    }
