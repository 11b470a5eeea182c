"""Runs as curves: which of a host's runs have what is to be drawn, and what is drawn of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from guild_sync.agent.protocol import ComparedRun, Filters, Points, Value, moment_of
from guild_sync.curves import curve
from guild_sync.curves.curve import (
    ELAPSED,
    LOGARITHMS,
    NAMES,
    NUMBERS,
    STEP,
    TIME,
    TIMES,
    Axis,
    Plot,
    PlotCurve,
)
from guild_sync.hosts.base import Host
from guild_sync.output import runs as shown_runs
from guild_sync.output.formats import number_in
from guild_sync.output.terminal import clean

_AT_A_TIME = 100  # runs whose points are asked for by one request
# Of the latest runs so many times more are looked at than are drawn: not all have what is drawn.
_LOOKED_AT, _LEAST_LOOKED_AT = 10, 200


class WantedCurves(NamedTuple):
    """What is to be drawn: scalars by their names, over STEP, TIME, ELAPSED, or else a column.

    `limit`: of so many of the latest runs that have it; None: of all.
    """

    names: Sequence[str]
    over: str
    limit: int | None
    smooth: int = 1
    logarithmic: bool = False

    @property
    def is_scatter(self) -> bool:
        return self.over not in (STEP, TIME, ELAPSED)


class DrawnRun(NamedTuple):
    """A run, the remote that it is on where several are asked, and its points by scalar."""

    run: ComparedRun
    remote: str
    points: dict[str, Points]


class Gathered(NamedTuple):
    """The runs of a host that have what is wanted, and those that were looked at."""

    drawn: Sequence[DrawnRun]
    looked_at: Sequence[ComparedRun]
    total: int


def gathered(host: Host, specs: Sequence[str], filters: Filters, wanted: WantedCurves) -> Gathered:
    """What a host has of what is wanted, of the runs that are meant."""
    most = None
    if wanted.limit is not None and not specs:
        most = max(wanted.limit * _LOOKED_AT, _LEAST_LOOKED_AT)
    columns = [wanted.over, *wanted.names] if wanted.is_scatter else []
    found = host.compared(specs, most, filters, asked=columns)
    having = [run for run in found["runs"] if _has(run, wanted)]
    if not specs:
        having = having[: wanted.limit]
    points = {} if wanted.is_scatter else _points(host, having, wanted)
    drawn = [DrawnRun(run, host.name or "", points.get(run["id"], {})) for run in having]
    return Gathered(drawn, found["runs"], found["total"])


def _has(run: ComparedRun, wanted: WantedCurves) -> bool:
    if wanted.is_scatter:
        x, *ys = (cell["value"] for cell in run["cells"])
        return x is not None and any(number_in(y) is not None for y in ys)
    return any(curve.keys_of(run["scalars"], name) for name in wanted.names)


def _points(
    host: Host, runs: Sequence[ComparedRun], wanted: WantedCurves
) -> dict[str, dict[str, Points]]:
    found: dict[str, dict[str, Points]] = {}
    keys = sorted({key for run in runs for key in _keys(run, wanted)})
    for first in range(0, len(runs), _AT_A_TIME):
        ids = [run["id"] for run in runs[first : first + _AT_A_TIME]]
        found.update(host.points_of(ids, keys))
    return found


def _keys(run: ComparedRun, wanted: WantedCurves) -> Iterator[str]:
    for name in wanted.names:
        yield from curve.keys_of(run["scalars"], name)


class CurveOfRun(NamedTuple):
    """A curve of a plot, and of which scalar of which run it is."""

    drawn: DrawnRun
    key: str
    curve: PlotCurve


def curves_of(runs: Iterable[DrawnRun], wanted: WantedCurves) -> tuple[Plot, list[CurveOfRun]]:
    """The plot of runs' scalars, and what each of its curves is of; none is without a point."""
    found = [
        CurveOfRun(one, key, _curve(one, key, wanted))
        for one in runs
        for key in dict.fromkeys(_keys(one.run, wanted))
        if key in one.points
    ]
    found = [one for one in found if one.curve.points]
    names = ", ".join(wanted.names)
    x = {STEP: Axis("step"), TIME: Axis("time", TIMES)}.get(wanted.over, Axis(""))
    curves = [one.curve for one in found]
    if wanted.over == ELAPSED:
        unit, curves = curve.in_units(curves)
        x = Axis(f"{unit} since the run began")
    title = f"{names}, the mean of {wanted.smooth}" if wanted.smooth > 1 else names
    return Plot(title, x, _axis(names, wanted), curves), found


def _axis(label: str, wanted: WantedCurves) -> Axis:
    return Axis(label, LOGARITHMS if wanted.logarithmic else NUMBERS)


def _curve(one: DrawnRun, key: str, wanted: WantedCurves) -> PlotCurve:
    is_plain = wanted.names == [key]
    label = name_of(one) if is_plain else f"{name_of(one)} {clean(key)}"
    found = curve.curve_of(label, one.points[key], wanted.over, moment_of(one.run["started"]))
    found = curve.smoothed(found, wanted.smooth) if wanted.smooth > 1 else found
    if wanted.logarithmic:
        found = found._replace(ys=[y if y > 0 else math.nan for y in found.ys])
    return found


def name_of(one: DrawnRun) -> str:
    """A run in a legend: `1a2b3c4d train lr=0.1`, and where it is of several remotes."""
    label = one.run["label"] if one.run["label"] is not None else ""
    parts = (one.run["id"][:8], one.remote, shown_runs.operation(one.run), clean(label))
    return " ".join(filter(None, parts))


def differing(labels: Sequence[str]) -> list[str]:
    """Labels without the words `name=value` that all of them have, which tell none from another."""
    words = [label.split() for label in labels]
    same = set.intersection(*map(set, words)) if len(words) > 1 else set[str]()
    same = {word for word in same if "=" in word}
    return [
        " ".join(word for word in each if word not in same) if same & {*each} else label
        for each, label in zip(words, labels, strict=True)
    ]


def scatter_of(runs: Sequence[DrawnRun], wanted: WantedCurves) -> Plot:
    """The plot of a column of each run against one or more others: points alone, one a run."""
    xs = [one.run["cells"][0]["value"] for one in runs]
    named: tuple[str, ...] = ()
    if any(number_in(x) is None for x in xs):
        named = tuple(sorted({_text(x) for x in xs}))
    places = [float(named.index(_text(x))) if named else number_in(x) or 0.0 for x in xs]
    curves = [
        PlotCurve(
            clean(name) if len(wanted.names) > 1 else "",
            places,
            [_positive(one.run["cells"][at]["value"], wanted) for one in runs],
        )
        for at, name in enumerate(wanted.names, 1)
    ]
    over = runs[0].run["cells"][0]["heading"] if runs else wanted.over
    names = ", ".join(wanted.names)
    x = Axis(over, NAMES if named else NUMBERS, named)
    return Plot(f"{names} by {over}", x, _axis(names, wanted), curves, connected=False)


def _positive(value: Value, wanted: WantedCurves) -> float:
    number = number_in(value)
    if number is None or (wanted.logarithmic and number <= 0):
        return math.nan
    return number


def _text(value: Value) -> str:
    from guild_sync.project.values import shown

    return clean(shown(value))
