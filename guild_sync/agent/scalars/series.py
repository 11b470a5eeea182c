"""A scalar as it grows: every number counted, so many points kept that it stays small."""

from __future__ import annotations

import math
from typing import Dict, List, Optional, Sequence

from ..protocol import Figure, Points, ScalarForm, figure
from .reading import Seen, Steps

# Points of a scalar that are kept, at most: where there are more, every second one goes.
MOST_POINTS = 1024
MOST_NAMES = 1000  # scalars of a run, at most
_MOST_POINTS_OF_ALL = 1 << 16


class ScalarSeries:
    """The numbers of one name, in the order in which they came."""

    def __init__(self) -> None:
        self.times: List[int] = []
        self.steps: List[int] = []
        self.values: List[float] = []
        self._most = MOST_POINTS
        self._every = 1  # so many-th of those that come is kept
        self._count = 0
        self._finite = 0
        self._sum = 0.0
        self._first = math.nan
        self._last = (0, 0, math.nan)
        self._lowest = (math.nan, 0)  # with its step
        self._highest = (math.nan, 0)

    def add(self, value: float, time: int, step: Optional[int] = None) -> None:
        """Take one number; `time` in microseconds since 1970, `step` else one more than before."""
        if step is None:
            step = self._last[1] + 1 if self._count else 0
        if not self._count:
            self._first = value
        if self._count % self._every == 0:
            self._keep(value, time, step)
        self._count += 1
        self._last = (time, step, value)
        if math.isfinite(value):
            self._finite += 1
            self._sum += value
            if not value >= self._lowest[0]:
                self._lowest = (value, step)
            if not value <= self._highest[0]:
                self._highest = (value, step)

    def add_all(self, values: List[float], time: int, steps: Steps = None) -> None:
        """As `add`, of several that came at once, with the step of each, or none."""
        count, total = len(values), sum(values)
        following = self._last[1] + 1 if self._count else 0
        known: Sequence[int] = range(following, following + count)
        if steps is not None:
            known = [step for step in steps if step is not None]
        if count == 1 or len(known) < count or not math.isfinite(total):
            for at, value in enumerate(values):
                self.add(value, time, steps[at] if steps is not None else None)
            return
        self._keep_some(values, time, known)
        self._first = self._first if self._count else values[0]
        self._count += count
        self._finite += count
        self._sum += total
        self._last = (time, known[-1], values[-1])
        least, greatest = min(values), max(values)
        if not least >= self._lowest[0]:
            self._lowest = (least, known[values.index(least)])
        if not greatest <= self._highest[0]:
            self._highest = (greatest, known[values.index(greatest)])

    def _keep_some(self, values: List[float], time: int, steps: Sequence[int]) -> None:
        at = -self._count % self._every
        while at < len(values):
            if len(self.values) >= self._most:
                self._thin()
                at += -(self._count + at) % self._every
            else:
                self.times.append(time)
                self.steps.append(steps[at])
                self.values.append(values[at])
                at += self._every

    def _keep(self, value: float, time: int, step: int) -> None:
        if len(self.values) >= self._most:
            self._thin()
            if self._count % self._every:
                return
        self.times.append(time)
        self.steps.append(step)
        self.values.append(value)

    def keep_at_most(self, count: int) -> None:
        """Keep no more points than that, of those to come as well."""
        self._most = min(self._most, max(count, 1))
        while len(self.values) > self._most:
            self._thin()

    def _thin(self) -> None:
        self.times, self.steps, self.values = self.times[::2], self.steps[::2], self.values[::2]
        self._every *= 2

    def points(self) -> Points:
        """The points that are kept, and the last one."""
        time, step, value = self._last
        last = [value] if self._count and (self._count - 1) % self._every else []
        return {
            "time": self.times + [time for _ in last],
            "step": self.steps + [step for _ in last],
            "value": [figure(value) for value in self.values + last],
        }

    def summary(self) -> ScalarForm:
        """What there is to say of all of them."""
        time, step, value = self._last
        is_told = self._finite > 0 and math.isfinite(self._sum)
        mean: Optional[Figure] = figure(self._sum / self._finite) if is_told else None
        return {
            "last": figure(value),
            "first": figure(self._first),
            "min": figure(self._lowest[0]) if self._finite else None,
            "max": figure(self._highest[0]) if self._finite else None,
            "mean": mean,
            "count": self._count,
            "step": step,
            "time": time,
            "min_step": self._lowest[1],
            "max_step": self._highest[1],
        }


class ScalarsFound:
    """The scalars that were found, by their names."""

    def __init__(self) -> None:
        self.series: Dict[str, ScalarSeries] = {}
        self.has_news = False

    def add(self, seen: Sequence[Seen], at: int) -> None:
        """Take numbers that were printed at that time (microseconds since 1970)."""
        for name, values, steps in seen:
            series = self.series.get(name)
            if series is None:
                if len(self.series) == MOST_NAMES:
                    continue
                series = self._new(name)
            series.add_all(values, at, steps)
        self.has_news = self.has_news or bool(seen)

    def _new(self, name: str) -> ScalarSeries:
        series = self.series[name] = ScalarSeries()
        most = min(MOST_POINTS, _MOST_POINTS_OF_ALL // len(self.series))
        if most < MOST_POINTS:
            # Seldom for all: as many names as that come at the beginning.
            for each in self.series.values() if len(self.series) % 64 == 1 else (series,):
                each.keep_at_most(most)
        return series
