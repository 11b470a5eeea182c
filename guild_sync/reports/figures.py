"""Numbers as pages show them, and the round ones that an axis has its ticks at."""

from __future__ import annotations

import math

from guild_sync.agent.protocol import Figure, Value
from guild_sync.output import formats

_WORD = 300  # characters of a value that is shown in a table


def shown(figure: Figure | None) -> str:
    """A number as it is shown elsewhere, but with commas: `0.0251349`, `1,200,000`, `nan`."""
    found = formats.finite(figure)
    is_whole = found is not None and found.is_integer() and abs(found) < 1e9
    return f"{found:,.0f}" if is_whole else formats.shown(figure)


def word(value: Value) -> str:
    """A value of a flag or an attribute as text, and not too long for a cell."""
    text = shown(value) if isinstance(value, float) else formats.shown(value)
    return text if len(text) <= _WORD else f"{text[:_WORD]}…"


def ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers from `low` to `high`, at most so many; the ends alone where there is none."""
    span = high - low
    if not (span > 0 and math.isfinite(span)):
        return [low]
    raw = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 1e-300 else 0.0
    if not power:
        return [low, high]
    step = next(power * by for by in (1, 2, 2.5, 5, 10) if power * by >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return (
        [(first + at) * step for at in range(count)] if 0 < count <= 2 * most + 2 else [low, high]
    )


def tick(value: float) -> str:
    """The text at a tick, as short as can be: `0.25`, `20k`, `3M`, `1e-05`."""
    size = abs(value)
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if limit <= size < 1e12:
            by = 1e3 if unit == "k" else limit
            return f"{value / by:.4g}{unit}"
    return f"{value + 0.0:.4g}" if size > 1e-12 or not size else f"{value:.2g}"
