"""Runs beside each other: what a listing shows of each, its scalars, and what is asked of it."""

from __future__ import annotations

from typing import List, Optional, Sequence

from ..catalog import describe, find
from ..catalog.values import RunValues
from ..columns import Column, column
from ..protocol import ComparedListing, ComparedRun, Filters
from ..store import rundir
from . import objective
from .columns import cell_of


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
    wanted = [column(text) for text in asked]
    return {"runs": [_compared(home, i, wanted) for i in ids[:limit]], "total": len(ids)}


def _compared(home: str, run_id: str, asked: List[Column]) -> ComparedRun:
    directory = rundir.run_dir(home, run_id)
    run = describe.summary(home, run_id)
    values = RunValues(directory, flags=run["flags"])  # what several columns are read from, once
    said = objective.said_of(directory)
    return {
        **run,
        "scalars": values.scalars,
        "objective": said.objective,
        "compare": [cell_of(values, column(text)) for text in said.compare],
        "cells": [cell_of(values, one) for one in asked],
    }
