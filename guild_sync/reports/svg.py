"""Curves and scatter plots as SVG, which takes its colours from the page that it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

from guild_sync.agent.protocol import Figure, Outline
from guild_sync.curves.curve import LOGARITHMS, NAMES, NUMBERS, Axis
from guild_sync.curves.scale import LEAST_SPAN, AxisScale, scale_of
from guild_sync.output.terminal import clean
from guild_sync.reports import figures

WIDTH, HEIGHT = 320, 168
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 8, 22
_SCALE = 10  # coordinates of a path are whole tenths of a pixel: shorter than decimals
_TICKS = 6  # at an axis, at most
_WORDS = 12  # characters of a word at an axis
_WIDE = 50.0  # where the largest is so many times the least, an axis is one of powers of ten

Point = tuple[float, float]


class ThinCurve(NamedTuple):
    """A curve as it is drawn: some of its points, `of` so many; None: what is no finite number.

    `printed`: how many numbers there were, of which those points were kept.
    """

    points: Sequence[Point | None]
    of: int
    printed: int


def drawn(outline: Outline, count: int = 0) -> ThinCurve:
    """A curve, to be drawn, of so many numbers; of as many as there are points if that is more."""
    points = zip(outline["step"], outline["value"], strict=False)
    return ThinCurve(
        [None if isinstance(value, str) else (step, value) for step, value in points],
        outline["of"],
        max(count, outline["of"]),
    )


def curve(name: str, found: ThinCurve, key: str) -> str:
    """A curve of a scalar over its steps, as SVG; empty where it has no finite number.

    `key` tells its title and description from others on the page.
    """
    there = [point for point in found.points if point is not None]
    if not there:
        return ""
    x = _scale(NUMBERS, [point[0] for point in there])
    y = _scale(NUMBERS, [point[1] for point in there])
    if len(there) == 1:
        shape = f'<path class="dots" d="{_dots(there, x, y)}"/>'
    else:
        shape = f'<path class="curve" d="{_line(found.points, x, y)}"/>'
    said = _said(found, there)
    return _chart(f"{clean(name)} by step", said, key, x, y, shape)


def _said(found: ThinCurve, there: Sequence[Point]) -> str:
    values = [value for _, value in there]
    low, high = (there[values.index(find(values))] for find in (min, max))
    first, last = there[0], there[-1]
    some = f"{found.of:,} of " if found.of < found.printed else ""
    return (
        f"{some}{found.printed:,} {'number' if found.printed == 1 else 'numbers'}, "
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
    points = [(dot.x, dot.y) for dot in dots]
    x = _scale(NAMES if words else LOGARITHMS if is_wide else NUMBERS, [least, most], words)
    y = _scale(NUMBERS, [dot.y for dot in dots])
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


def _linked(dot: Dot, x: AxisScale, y: AxisScale) -> str:
    at, up = _place((dot.x, dot.y), x, y)
    return (
        f'<a href="{escape(dot.link)}"><circle class="dot" cx="{at / _SCALE:g}" '
        f'cy="{up / _SCALE:g}" r="4"><title>{escape(clean(dot.name))}</title></circle></a>'
    )


def _short(text: str) -> str:
    return text if len(text) <= _WORDS else f"{text[: _WORDS - 1]}…"


def _scale(kind: str, values: Sequence[float], words: Sequence[str] = ()) -> AxisScale:
    """The scale of these numbers: their ends are enough, of many numbers."""
    return scale_of(Axis("", kind, tuple(words)), (min(values), max(values)))


def _place(point: Point, x: AxisScale, y: AxisScale) -> tuple[int, int]:
    """Where a point is, in tenths of a pixel."""
    across, down = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    return (
        round((_LEFT + x.place(point[0]) * across) * _SCALE),
        round((_TOP + down - y.place(point[1]) * down) * _SCALE),
    )


def _line(points: Sequence[Point | None], x: AxisScale, y: AxisScale) -> str:
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


def _dots(points: Sequence[Point], x: AxisScale, y: AxisScale) -> str:
    """The `d` of a path of which each part is a dot: lines of no length with round ends."""
    places = sorted({_place(point, x, y) for point in points})
    return "".join(f"M{at} {up}h0" for at, up in places)


def _chart(title: str, said: str, key: str, x: AxisScale, y: AxisScale, shape: str) -> str:
    floor, end = HEIGHT - _BOTTOM, WIDTH - _RIGHT
    if shape.startswith("<path"):
        shape = f'<g transform="scale({1 / _SCALE:g})">{shape}</g>'
    grid, texts = [], []
    for place, text in y.ticks(_TICKS):
        at = floor - place * (floor - _TOP)
        grid.append(f"M{_LEFT} {at:.1f}H{end}")
        texts.append(f'<text x="{_LEFT - 6}" y="{at + 3.5:.1f}" class="end">{escape(text)}</text>')
    for place, text in x.ticks(_TICKS):
        at, word = _LEFT + place * (end - _LEFT), escape(_short(text))
        texts.append(f'<text x="{at:.1f}" y="{HEIGHT - 6}" class="mid">{word}</text>')
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
        by = (len(_TWO) - 1) / (span if span > LEAST_SPAN else 1.0)
        letters.append([_TWO[int((each / 2 - low / 2) * by)] for each in numbers])
    return "".join(map("".join, zip(*letters, strict=True))), ends
