"""Runs as a listing shows them that is sorted, or has columns of its own."""

from __future__ import annotations

from typing import Dict, List, Optional, Sequence, Set, Tuple

from .. import columns
from ..catalog import describe, find, names
from ..catalog.values import RunValues
from ..protocol import Filters, ListedRun, ListedRuns, ScalarForm, Value
from ..remembering import looks
from ..store import rundir
from . import objective
from .columns import cell_of

_GREATEST = 1.7976931348623157e308  # as a number of JSON


def listed(
    home: str,
    specs: Sequence[str] = (),
    limit: Optional[int] = None,
    filters: Optional[Filters] = None,
    deleted: bool = False,
    whole: bool = False,
    asked: Sequence[str] = (),
    sort: str = "",
    scalars: bool = False,
    best: bool = False,
    short: bool = False,
) -> ListedRuns:
    """The first `limit` of the runs that are meant, in the order of a column.

    `sort` is a column, behind a `-` where the greatest comes first; empty: the latest first.
    `asked`: columns, of each of which every run has a cell. Without `scalars` no run has them.
    `best`: in the order of the objective of their operation, which guild.yml says. `short`: with
    their labels as in `short_labels`.
    """
    ids = find.select(home, specs, filters, deleted, whole)
    if best and ids:
        sort = objective.of_runs(home, ids, deleted)
    order, is_falling = columns.order_of(sort)
    keys: Dict[str, Value] = {}
    if order:
        with looks.of_values(home, len(ids), deleted) as seen:
            keys = {i: _key(RunValues(rundir.run_dir(home, i, deleted), seen), order) for i in ids}
    ranked = columns.in_order([(i, keys[i]) for i in ids], is_falling) if order else ids
    meant = ranked[:limit]
    places = _places(home, ids, {*meant}, deleted, are_indexed=not (whole or specs))
    wanted = [columns.column(text) for text in asked]
    found: List[ListedRun] = []
    for run_id in meant:
        values = RunValues(rundir.run_dir(home, run_id, deleted))
        found.append(
            {
                **describe.summary(home, run_id, deleted, short),
                "index": places.get(run_id),
                "cells": [cell_of(values, column) for column in wanted],
                "scalars": values.scalars if scalars else {},
                "order": keys.get(run_id),
            }
        )
    empty = _empty(wanted, found) + ([order] if order and set(keys.values()) == {None} else [])
    unknown, there = _unknown(home, ids, empty, deleted)
    return {
        "runs": found,
        "total": len(ids),
        "sort": sort,
        "unknown": unknown,
        "there": there,
    }


def scalars_of(
    home: str, ids: Sequence[str], deleted: bool = False
) -> Dict[str, Dict[str, ScalarForm]]:
    """By run, its scalars; none of a run that is not there."""
    return {i: RunValues(rundir.run_dir(home, i, deleted)).scalars for i in ids}


def _key(run: RunValues, name: str) -> Value:
    """What a run is sorted by; None where there is nothing, or what is not a number (nan)."""
    found = run.judged(name)
    if found is None:
        value = run.value(name)
        return value if isinstance(value, (bool, str)) else None
    return max(min(found, _GREATEST), -_GREATEST)  # as JSON can carry it


def _places(
    home: str, ids: Sequence[str], meant: Set[str], deleted: bool, are_indexed: bool
) -> Dict[str, int]:
    """The indexes of those that are meant, which do not depend on how they are sorted."""
    top = rundir.runs_dir(home, deleted)
    indexed = ids if are_indexed or deleted else rundir.indexed(top, ids)
    return {run_id: place for place, run_id in enumerate(indexed, 1) if run_id in meant}


def _empty(wanted: Sequence[columns.Column], found: Sequence[ListedRun]) -> List[str]:
    cells = [[run["cells"][at]["value"] for run in found] for at in range(len(wanted))]
    return [
        column.text
        for column, values in zip(wanted, cells)
        if found and all(value is None for value in values)
    ]


def _unknown(
    home: str, ids: Sequence[str], empty: Sequence[str], deleted: bool
) -> Tuple[Dict[str, List[str]], str]:
    """As names.unknown_names, of columns that nothing is in; and what there is, where it helps."""
    if not empty:
        return {}, ""
    expression: List[Value] = ["or"]
    for name in empty:
        expression.append(["defined", name, None])
    unknown = names.unknown_names(home, expression, deleted)
    return unknown, names.offered(home, ids, deleted).told() if unknown else ""
