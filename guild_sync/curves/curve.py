"""Curves: points of scalars over steps, the time, or the time since a run began."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from guild_sync.agent import protocol
from guild_sync.agent.protocol import Points, ScalarForm

STEP, TIME, ELAPSED = "step", "time", "elapsed"
# The kinds of an axis; TIMES are seconds since 1970, NAMES are numbered by their places.
NUMBERS, LOGARITHMS, TIMES, NAMES = "numbers", "logarithms", "times", "names"

# The units of a time since a run began: up to so many seconds, its name, its own seconds.
_UNITS = (
    (300, "seconds", 1),
    (3 * 3600, "minutes", 60),
    (3 * 86400, "hours", 3600),
    (math.inf, "days", 86400),
)


class Axis(NamedTuple):
    """What an axis shows: a label, and for one of NAMES what its places 0, 1, ... are called."""

    label: str
    kind: str = NUMBERS
    names: tuple[str, ...] = ()


class PlotCurve(NamedTuple):
    """Points in their order, each with an x and a y; where either is no number, there is a gap."""

    label: str
    xs: Sequence[float]
    ys: Sequence[float]

    @property
    def points(self) -> list[tuple[float, float]]:
        """Those of its points that can be drawn."""
        return [(x, y) for x, y in self.pairs if math.isfinite(x) and math.isfinite(y)]

    @property
    def pairs(self) -> list[tuple[float, float]]:
        return [*zip(self.xs, self.ys, strict=True)]


class Plot(NamedTuple):
    """Curves that are drawn into one picture; without `connected` they are points alone."""

    title: str
    x: Axis
    y: Axis
    curves: Sequence[PlotCurve]
    connected: bool = True


def curve_of(label: str, points: Points, over: str, begun: int | None) -> PlotCurve:
    """The curve of a scalar over STEP, TIME or ELAPSED, both in seconds.

    `begun`, in microseconds since 1970, is when its run began; not known, its first point counts.
    """
    ys = [protocol.number(value) for value in points["value"]]
    if over == STEP:
        return PlotCurve(label, [float(step) for step in points["step"]], ys)
    times = points["time"]
    since = 0 if over == TIME else begun if begun is not None else min(times, default=0)
    return PlotCurve(label, [(time - since) / 1e6 for time in times], ys)


def smoothed(curve: PlotCurve, count: int) -> PlotCurve:
    """The curve with the mean of the last `count` numbers in place of each; a gap stays one."""
    recent: list[float] = []
    ys = []
    for y in curve.ys:
        if math.isfinite(y):
            recent = [*recent[1 - count or len(recent) :], y]
            ys.append(math.fsum(one / len(recent) for one in recent))
        else:
            ys.append(y)
    return curve._replace(ys=ys)


def in_units(curves: Sequence[PlotCurve]) -> tuple[str, list[PlotCurve]]:
    """Curves over seconds, over the unit that suits the longest of them; and that unit's name."""
    longest = max((x for one in curves for x, _ in one.points), default=0)
    unit, seconds = next((unit, own) for most, unit, own in _UNITS if longest <= most)
    return unit, [one._replace(xs=[x / seconds for x in one.xs]) for one in curves]


def keys_of(scalars: Mapping[str, ScalarForm], name: str) -> list[str]:
    """The scalars of a run that a name means: the one of that name, else those of event files.

    As in Guild AI `loss` means `train#loss` too, which an event file in the folder `train` has.
    """
    if name in scalars:
        return [name]
    return sorted(key for key in scalars if key.rpartition("#")[2] == name)
