"""Runs beside each other: what a listing shows of each, its scalars, and what is asked of it."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..catalog import describe, find
from ..columns import Column
from ..protocol import ComparedListing, ComparedRun, Filters
from ..scalars import kept
from ..store import rundir
from . import columns, objective


def compared(
    home: str,
    specs: Sequence[str] = (),
    limit: Optional[int] = None,
    filters: Optional[Filters] = None,
    whole: bool = False,
    asked: Sequence[str] = (),
) -> ComparedListing:
    """The first `limit` runs that are meant, each with what it is compared by.

    `asked`: columns, of each of which every run has a cell.
    """
    ids = find.select(home, specs, filters, whole=whole)
    wanted = [columns.column(text) for text in asked]
    return {"runs": [_compared(home, i, wanted) for i in ids[:limit]], "total": len(ids)}


def _compared(home: str, run_id: str, asked: List[Column]) -> ComparedRun:
    directory = rundir.run_dir(home, run_id)
    said = objective.said_of(directory)
    return {
        **describe.summary(home, run_id),
        "scalars": kept.summaries(directory),
        "objective": said.objective,
        "compare": [columns.cell(directory, columns.column(text)) for text in said.compare],
        "cells": [columns.cell(directory, column) for column in asked],
    }
