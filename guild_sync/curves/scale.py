"""Scales: where on an axis a number is, from 0 to 1, and which numbers are written beside it."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from guild_sync.curves.curve import LOGARITHMS, NAMES, TIMES, Axis
from guild_sync.output.terminal import clean

_STEPS_OF_TIME = (
    *(1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(86400 * days for days in (1, 2, 5, 10, 30, 100, 365, 1000, 3650)),
)  # seconds
LEAST_SPAN = 1e-290  # of an axis: by less nothing can be divided
_MOST = sys.float_info.max
_LEAST_POWER, _MOST_POWER = -323, 308  # of 10, of those that there are
_UNITS = ((1e9, "G", 1e9), (1e6, "M", 1e6), (1e4, "k", 1e3))  # from where on, and of how much
_MARGIN = 0.02  # beyond the first and the last number, of what is between them


class Tick(NamedTuple):
    """A place on an axis, from 0 to 1, and what is written there."""

    place: float
    text: str


class AxisScale(NamedTuple):
    """The numbers that an axis goes from and to; of LOGARITHMS, their exponents of 10."""

    axis: Axis
    low: float
    high: float

    def place(self, number: float) -> float:
        """Where a number is: 0 at the axis's beginning, 1 at its end; nan for nowhere."""
        number = _measured(self.axis, number)
        # By halves, as what is between the two may be more than the greatest number that there is.
        return (number / 2 - self.low / 2) / (self.high / 2 - self.low / 2)

    def ticks(self, most: int) -> list[Tick]:
        """Round numbers of the axis, no more than `most`."""
        if self.axis.kind == NAMES:
            every = math.ceil(len(self.axis.names) / max(1, most)) or 1
            named = [*enumerate(self.axis.names)][::every]
            return [Tick(self.place(at), clean(name)) for at, name in named]
        if self.axis.kind == TIMES:
            return [Tick(self.place(at), text) for at, text in _times(self.low, self.high, most)]
        if self.axis.kind == LOGARITHMS:
            return self._powers(most)
        return [Tick(self.place(at), text) for at, text in _round(self.low, self.high, most)]

    def _powers(self, most: int) -> list[Tick]:
        first, last = (
            max(math.ceil(self.low), _LEAST_POWER),
            min(math.floor(self.high), _MOST_POWER),
        )
        if last - first < 1:  # hardly one power of 10: numbers between them
            between = _round(_power(self.low), _power(self.high), most)
            return [Tick(self.place(at), text) for at, text in between if at > 0]
        every = math.ceil((last - first + 1) / max(1, most))
        powers = [10.0**exponent for exponent in range(first, last + 1, every)]
        return [Tick(self.place(power), _written(power, power)) for power in powers]


def scale_of(axis: Axis, numbers: Iterable[float]) -> AxisScale:
    """The scale on which all of these numbers have a place that can have one."""
    measured = [m for m in (_measured(axis, number) for number in numbers) if math.isfinite(m)]
    if axis.kind == NAMES:
        return AxisScale(axis, -0.5, max(1, len(axis.names)) - 0.5)
    low, high = min(measured, default=0.0), max(measured, default=1.0)
    if not high / 2 - low / 2 > LEAST_SPAN:
        about = abs(low) * 0.1 if abs(low) > LEAST_SPAN * 100 else 0.5
        return AxisScale(axis, max(low - about, -_MOST), min(high + about, _MOST))
    margin = (high / 2 - low / 2) * 2 * _MARGIN if math.isfinite(high - low) else 0.0
    return AxisScale(axis, max(low - margin, -_MOST), min(high + margin, _MOST))


def _measured(axis: Axis, number: float) -> float:
    if axis.kind != LOGARITHMS:
        return number
    return math.log10(number) if 0 < number < math.inf else math.nan


def _power(exponent: float) -> float:
    """A power of 10, or the greatest number that there is."""
    return 10.0**exponent if exponent < math.log10(_MOST) else _MOST


def _round(low: float, high: float, most: int) -> list[tuple[float, str]]:
    """Multiples of 1, 2 or 5 times a power of 10 from `low` to `high`, as they are written."""
    span = (high / 2 - low / 2) / max(1, most) * 2
    if not 1e-300 < span < 1e300:  # too fine, or too far apart, for what follows
        return [(low, f"{low:g}"), (high, f"{high:g}")]
    power = 10.0 ** math.floor(math.log10(span))
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= span)
    first, last = math.ceil(low / step), math.floor(high / step)
    if last - first > 2 * most:  # numbers so close to each other that none is between them
        return [(low, f"{low:g}"), (high, f"{high:g}")]
    return [(n * step, _written(n * step, step)) for n in range(first, last + 1)]


def _written(number: float, step: float) -> str:
    size = abs(number)
    for least, unit, one in _UNITS:
        if least <= size < 1e12 and size < 5000 * step:
            return f"{number / one:.4g}{unit}"
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    if digits > 5 or size >= 1e7:
        return f"{number:.6g}"
    return f"{number + 0.0:.{digits}f}"  # no -0


def _times(low: float, high: float, most: int) -> Sequence[tuple[float, str]]:
    """Full hours and the like, of local time, from `low` to `high`, both in seconds since 1970."""
    span = (high - low) / max(1, most)
    step = next((step for step in _STEPS_OF_TIME if step >= span), _STEPS_OF_TIME[-1])
    try:
        east = time.localtime(low).tm_gmtoff
        spans_days = time.localtime(low)[:3] != time.localtime(high)[:3]
        form = "%H:%M" if step >= 60 else "%H:%M:%S"
        form = "%Y-%m-%d" if step >= 86400 else f"%m-%d {form}" if spans_days else form
        first, last = math.ceil((low + east) / step), math.floor((high + east) / step)
        found = [n * step - east for n in range(first, min(last, first + 2 * most) + 1)]
        if len(found) < 2 and step == 1:  # within a second or two: its parts
            hundredths = [(at, int(at % 1 * 100)) for at in (low, high)]
            return [
                (at, f"{time.strftime(form, time.localtime(at))}.{n:02d}") for at, n in hundredths
            ]
        return [(at, time.strftime(form, time.localtime(at))) for at in found]
    except (OverflowError, ValueError, OSError):  # no time that a calendar has
        return [(low, f"{low:g}"), (high, f"{high:g}")]
