"""Curves drawn with characters, as wide and as high as a terminal: by plotext."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from guild_sync.curves.curve import Plot
from guild_sync.curves.scale import AxisScale, scale_of
from guild_sync.output import extra
from guild_sync.output.terminal import clean, width_of

_STYLES = {"blue": 4, "red": 1, "green": 2, "yellow": 3, "magenta": 5, "cyan": 6}
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_LINE = "━"
_FINE, _DOT = "braille", "●"  # eight dots a character; one
_COLUMNS_OF_A_TICK = 12
_ROWS_OF_A_TICK = 3
LEAST_WIDTH, LEAST_HEIGHT = 24, 6


class Sign(NamedTuple):
    """How a curve is told from the others: by a letter or a line, and maybe by a colour."""

    text: str
    style: str = ""


def signs(count: int, colours: bool) -> list[Sign]:
    """The signs of so many curves; no two of those that have a colour alone have the same."""
    styles = [*_STYLES]
    if colours and count <= len(styles):
        return [Sign(_LINE, style) for style in styles[:count]]
    letters = [_LETTERS[number % len(_LETTERS)] for number in range(count)]
    return [
        Sign(letter, styles[number % len(styles)] if colours else "")
        for number, letter in enumerate(letters)
    ]


def drawn(plot: Plot, width: int, height: int, colours: bool) -> list[str]:
    """Lines of text that show a plot, of so many columns and so many lines.

    Nothing of a run gets to the terminal but as text that it cannot obey. Raises GuildError where
    plotext is not there.
    """
    extra.need("plots", "report", "plotext")
    import plotext

    width, height = max(width, LEAST_WIDTH), max(height, LEAST_HEIGHT)
    points = [point for one in plot.curves for point in one.points]
    across, up = scale_of(plot.x, (x for x, _ in points)), scale_of(plot.y, (y for _, y in points))
    plotext.terminal.limit(False, False)
    plotext.figure.clear()
    plotext.figure.theme("colorless")
    plotext.figure.plot_size(width, height)
    for sign, one in zip(signs(len(plot.curves), colours), plot.curves, strict=True):
        places = [(across.place(x), up.place(y)) for x, y in one.pairs]
        _draw(sign, places, plot.connected)
    _rule(0, across, (width - 10) // _COLUMNS_OF_A_TICK, _COLUMNS_OF_A_TICK)
    _rule(1, up, height // _ROWS_OF_A_TICK, width // 3)
    plotext.figure.label(_narrow(plot.x.label)[: width - 2], 0, 0)
    text: str = plotext.figure.build().string(colorless=not colours)
    return [line.rstrip() for line in text.splitlines()]


def _draw(sign: Sign, places: Sequence[tuple[float, float]], connected: bool) -> None:
    """Draw a curve: a line from each point to the next, but where there is a gap."""
    import plotext

    whole = [(number, x, y) for number, (x, y) in enumerate(places) if math.isfinite(x + y)]
    if not whole:
        return
    model = sign.text if sign.text != _LINE else _FINE if connected else _DOT
    pixel = plotext.pixel(foreground=_STYLES[sign.style]) if sign.style else None
    marker = plotext.marker(model, pixel)
    xs, ys = [x for _, x, _ in whole], [y for _, _, y in whole]
    signal = plotext.figure.signal(xs, ys, marker=marker)
    for at, ((before, *_), (number, *_)) in enumerate(pairwise(whole), 1):
        signal.line(at, connected and number == before + 1)
    plotext.figure.draw(signal)


def _rule(axis: int, scale: AxisScale, most: int, widest: int) -> None:
    """Write round numbers beside an axis, each of no more than `widest` columns."""
    import plotext

    ticks = [tick for tick in scale.ticks(max(2, most)) if 0 <= tick.place <= 1]
    texts = [_narrow(tick.text)[: widest - 1] for tick in ticks]
    plotext.figure.ruler(axis, 0).lim(0, 1).ticks([tick.place for tick in ticks], texts)


def _narrow(text: str) -> str:
    """Text of which each character takes one column, as plotext counts them."""
    return "".join(one if width_of(one) == 1 else "?" for one in clean(text))
