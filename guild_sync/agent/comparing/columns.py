"""Columns of runs as people write them: `loss`, `min loss as best`, `=lr`, `.label`."""

from __future__ import annotations

import re
from typing import Dict, NamedTuple, Optional

from ..catalog.filters import value_of
from ..protocol import ColumnCell, Figure, ScalarForm, Value
from ..scalars import kept
from ..store import rundir

QUALIFIERS = ("last", "first", "min", "max", "mean", "count")
_OF_TIME = ("duration", "time")


class Column(NamedTuple):
    """What is shown of each run, and below which heading."""

    heading: str
    name: str  # a name as a filter's: `flag:x`, `attr:x`, `scalar:x`, or any of these
    qualifier: str = ""  # of QUALIFIERS, or `step`; empty: the last one, or what else has that name


def column(text: str) -> Column:
    """What a column's text means."""
    said, _, heading = text.partition(" as ")
    said = " ".join(said.split())
    first, _, rest = said.partition(" ")
    name, qualifier = said, ""
    if first in QUALIFIERS and rest:
        name, qualifier = rest, first
    elif said.endswith(" step"):
        name, qualifier = said[: -len(" step")], "step"
    for sign, kind in (("=", "flag:"), (".", "attr:")):
        if name.startswith(sign):
            name = kind + name[1:]
    return Column(heading.strip() or re.sub("^(flag|attr|scalar):", "", said), name, qualifier)


def cell(directory: str, asked: Column) -> ColumnCell:
    """What a run has in a column; None where nothing."""
    return {"heading": asked.heading, "value": _value(directory, asked)}


def _value(directory: str, asked: Column) -> Value:
    kind, _, rest = asked.name.partition(":")
    if not asked.qualifier and kind != "scalar":
        if asked.name in _OF_TIME:
            return _duration(directory)
        found: Value = value_of(directory, asked.name)
        if found is not None or kind in ("flag", "attr"):
            return found
    scalar = kept.summaries(directory).get(rest if kind == "scalar" else asked.name)
    if scalar is None:
        return None
    return figure_of(scalar, asked.qualifier)


def figure_of(scalar: ScalarForm, qualifier: str) -> Optional[Figure]:
    """One of the numbers that are told of a scalar: its last where none is named."""
    figures: Dict[str, Optional[Figure]] = {
        "": scalar["last"],
        "last": scalar["last"],
        "first": scalar["first"],
        "min": scalar["min"],
        "max": scalar["max"],
        "mean": scalar["mean"],
        "count": scalar["count"],
        "step": scalar["step"],
    }
    return figures[qualifier]


def _duration(directory: str) -> Value:
    """Seconds from the run's start to its end; None where it has not both."""
    started, stopped = (rundir.read_attr(directory, name) for name in ("started", "stopped"))
    if not isinstance(started, int) or not isinstance(stopped, int):
        return None
    return (stopped - started) / 1e6
