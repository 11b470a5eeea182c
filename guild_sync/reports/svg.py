"""Curves and scatter plots as SVG, which takes its colours from the page that it is in."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from guild_sync.agent.protocol import Figure, Outline
from guild_sync.output.terminal import clean
from guild_sync.reports import figures

WIDTH, HEIGHT = 320, 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 8, 22
_SCALE = 10  # coordinates of a path are whole tenths of a pixel: shorter than decimals
PIECES = 50  # of a curve, of each of which the lowest and the highest point are drawn
_AIR = 0.04  # of an axis, before its least number and behind its greatest
_WORDS = 12  # characters of a word at an axis
_LEAST_SPAN = 1e-290  # of an axis: by less nothing can be divided
_MOST = sys.float_info.max
_WIDE = 50.0  # where the largest is so many times the least, an axis is one of powers of ten

Point = tuple[float, float]


class ChartAxis(NamedTuple):
    """An axis: the numbers at its ends, and its ticks, each with the text there."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]

    def at(self, value: float, length: float) -> float:
        """Where a number is on an axis that is so long."""
        # Halves: the difference of two large numbers may be none that there is.
        return (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2) * length


class ThinCurve(NamedTuple):
    """A curve as it is drawn: some of its points, `of` so many; None: what is no finite number."""

    points: Sequence[Point | None]
    of: int


def drawn(outline: Outline) -> ThinCurve:
    """A curve, to be drawn."""
    points = zip(outline["step"], outline["value"], strict=False)
    return ThinCurve(
        [None if isinstance(value, str) else (step, value) for step, value in points], outline["of"]
    )


def curve(name: str, found: ThinCurve, key: str) -> str:
    """A curve of a scalar over its steps, as SVG; empty where it has no finite number.

    `key` tells its title and description from others on the page.
    """
    there = [point for point in found.points if point is not None]
    if not there:
        return ""
    x = _scale([point[0] for point in there], 5)
    y = _scale([point[1] for point in there], 5)
    if len(there) == 1:
        shape = f'<path class="dots" d="{_dots(there, x, y)}"/>'
    else:
        shape = f'<path class="curve" d="{_line(found.points, x, y)}"/>'
    said = _said(found.of, there)
    return _chart(f"{clean(name)} by step", said, key, x, y, shape)


def _said(count: int, there: Sequence[Point]) -> str:
    values = [value for _, value in there]
    low, high = (there[values.index(find(values))] for find in (min, max))
    first, last = there[0], there[-1]
    return (
        f"{count:,} {'number' if count == 1 else 'numbers'}, "
        f"from {figures.shown(first[1])} at step {figures.shown(first[0])} "
        f"to {figures.shown(last[1])} at step {figures.shown(last[0])}; "
        f"lowest {figures.shown(low[1])} at step {figures.shown(low[0])}, "
        f"highest {figures.shown(high[1])} at step {figures.shown(high[0])}."
    )


class Dot(NamedTuple):
    """A run in a scatter plot: where, and how it is named and linked where there is room."""

    x: float
    y: float
    name: str
    link: str


# So many dots of a plot are links of their own; of more the page would be large and slow.
MOST_LINKS = 150


def scatter(title: str, dots: Sequence[Dot], words: Sequence[str], key: str) -> str:
    """Runs as dots, as SVG. With `words`, x are their numbers, and they are what the axis shows.

    Where x goes over many powers of ten, those are what is as far from each other.
    """
    least, most = min(dot.x for dot in dots), max(dot.x for dot in dots)
    is_wide = not words and least > 0 and most / least >= _WIDE
    if is_wide:
        dots = [dot._replace(x=math.log10(dot.x)) for dot in dots]
    points = [(dot.x, dot.y) for dot in dots]
    if is_wide:
        x = _powers(math.log10(least), math.log10(most))
    elif words:
        x = ChartAxis(-0.5, len(words) - 0.5, [(at, _short(word)) for at, word in enumerate(words)])
    else:
        x = _scale([point[0] for point in points], 5)
    y = _scale([point[1] for point in points], 5)
    if len(dots) <= MOST_LINKS:
        shape = "".join(_linked(dot, x, y) for dot in dots)
    else:
        shape = f'<path class="dots" d="{_dots(points, x, y)}"/>'
    low = min(dots, key=lambda dot: dot.y)
    high = max(dots, key=lambda dot: dot.y)
    said = (
        f"{len(dots):,} runs; lowest {figures.shown(low.y)} ({clean(low.name)}), "
        f"highest {figures.shown(high.y)} ({clean(high.name)})."
    )
    return _chart(clean(title), said, key, x, y, shape)


def _powers(low: float, high: float) -> ChartAxis:
    """An axis from one logarithm to another, at whose ticks the powers are told."""
    air = (high - low) * _AIR
    whole = range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)
    ticks = whole[:: max(1, -(-len(whole) // 4))]
    if len(ticks) < 2:
        ends = [(at, figures.tick(float(f"{10**at:.1g}"))) for at in (low, high)]
        return ChartAxis(low - air, high + air, ends)
    return ChartAxis(low - air, high + air, [(at, figures.tick(10.0**at)) for at in ticks])


def _linked(dot: Dot, x: ChartAxis, y: ChartAxis) -> str:
    at, up = _place((dot.x, dot.y), x, y)
    return (
        f'<a href="{escape(dot.link)}"><circle class="dot" cx="{at / _SCALE:g}" '
        f'cy="{up / _SCALE:g}" r="4"><title>{escape(clean(dot.name))}</title></circle></a>'
    )


def _short(text: str) -> str:
    text = clean(text)
    return text if len(text) <= _WORDS else f"{text[: _WORDS - 1]}…"


def _scale(values: Sequence[float], most: int) -> ChartAxis:
    low, high = min(values), max(values)
    if not high / 2 - low / 2 > _LEAST_SPAN:  # nor where the difference is none that there is
        by = abs(low) / 10 if abs(low) > _LEAST_SPAN * 100 else 1.0
        low, high = max(low - by, -_MOST), min(high + by, _MOST)
        return ChartAxis(low, high, [(values[0], figures.tick(values[0]))])
    by = (high / 2 - low / 2) * _AIR * 2 if math.isfinite(high - low) else 0.0
    low, high = max(low - by, -_MOST), min(high + by, _MOST)
    ticks = figures.ticks(low, high, most)
    return ChartAxis(low, high, [(value, figures.tick(value)) for value in ticks])


def _place(point: Point, x: ChartAxis, y: ChartAxis) -> tuple[int, int]:
    """Where a point is, in tenths of a pixel."""
    across, down = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    return (
        round((_LEFT + x.at(point[0], across)) * _SCALE),
        round((_TOP + down - y.at(point[1], down)) * _SCALE),
    )


def _line(points: Sequence[Point | None], x: ChartAxis, y: ChartAxis) -> str:
    """The `d` of a path along the points, each told from the one before it."""
    left, floor = _LEFT * _SCALE, (HEIGHT - _BOTTOM) * _SCALE
    x_by = (WIDTH - _LEFT - _RIGHT) * _SCALE / (x.high / 2 - x.low / 2)
    y_by = (HEIGHT - _TOP - _BOTTOM) * _SCALE / (y.high / 2 - y.low / 2)
    x_low, y_low = x.low / 2, y.low / 2
    parts: list[str] = []
    for piece in _pieces(points):
        across = [left + int((at / 2 - x_low) * x_by) for at, _ in piece]
        up = [floor - int((value / 2 - y_low) * y_by) for _, value in piece]
        steps = zip(_changes(across), _changes(up), strict=True)
        # A dot first, which is all of a piece of one point.
        parts.append(f"M{across[0]} {up[0]}h0" + "".join([f"l{dx} {dy}" for dx, dy in steps]))
    return "".join(parts)


def _changes(numbers: Sequence[int]) -> list[int]:
    return [after - before for before, after in pairwise(numbers)]


def _pieces(points: Sequence[Point | None]) -> Iterator[list[Point]]:
    """The points between the gaps."""
    piece: list[Point] = []
    for point in points:
        if point is not None:
            piece.append(point)
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _dots(points: Sequence[Point], x: ChartAxis, y: ChartAxis) -> str:
    """The `d` of a path of which each part is a dot: lines of no length with round ends."""
    places = sorted({_place(point, x, y) for point in points})
    return "".join(f"M{at} {up}h0" for at, up in places)


def _chart(title: str, said: str, key: str, x: ChartAxis, y: ChartAxis, shape: str) -> str:
    floor, end = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    if shape.startswith("<path"):
        shape = f'<g transform="scale({1 / _SCALE:g})">{shape}</g>'
    grid, texts = [], []
    for value, text in y.ticks:
        at = floor - y.at(value, floor - _TOP)
        grid.append(f"M{_LEFT} {at:.1f}H{end}")
        texts.append(f'<text x="{_LEFT - 6}" y="{at + 3.5:.1f}" class="end">{escape(text)}</text>')
    for value, text in x.ticks:
        at = _LEFT + x.at(value, end - _LEFT)
        texts.append(f'<text x="{at:.1f}" y="{HEIGHT - 6}" class="mid">{escape(text)}</text>')
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-labelledby="{key}t {key}d"><title id="{key}t">{escape(title)}</title>'
        f'<desc id="{key}d">{escape(said)}</desc>'
        f'<path class="grid" d="{"".join(grid)}"/><path class="axis" d="M{_LEFT} {floor}H{end}"/>'
        f'<g class="ticks" aria-hidden="true">{"".join(texts)}</g>{shape}</svg>'
    )


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_TWO = [one + two for one in _DIGITS for two in _DIGITS]
_MOST_SPARK = 40


def spark(found: ThinCurve) -> tuple[str, list[Figure]]:
    """A curve in few letters, from which a page draws it, and the ends of its axes.

    Of each point four digits of base 36: two for x, two for y, of 1295 each.
    """
    there = [point for point in found.points if point is not None]
    if not there:
        return "", []
    kept = there[:: max(1, -(-len(there) // _MOST_SPARK))]
    if kept[-1] != there[-1]:
        kept.append(there[-1])
    letters: list[list[str]] = []
    ends: list[Figure] = []
    for axis in (0, 1):
        numbers = [point[axis] for point in kept]
        low, high = min(numbers), max(numbers)
        ends += [low, high]
        span = high / 2 - low / 2
        by = (len(_TWO) - 1) / (span if span > _LEAST_SPAN else 1.0)
        letters.append([_TWO[int((each / 2 - low / 2) * by)] for each in numbers])
    return "".join(map("".join, zip(*letters, strict=True))), ends
