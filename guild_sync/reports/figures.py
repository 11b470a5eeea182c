"""Numbers as pages show them, and the round ones that an axis has its ticks at."""

from __future__ import annotations

import math

from guild_sync.agent.protocol import Figure, Value, lasting, number

_FIGURES = 5  # significant ones of a number that is shown
_WORD = 300  # characters of a value that is shown in a table


def shown(figure: Figure | None) -> str:
    """A number in few figures: `0.02513`, `1,200,000`, `3.1e-07`, `nan`; empty where none."""
    if figure is None:
        return ""
    value = number(figure)
    if not math.isfinite(value):
        return str(figure)
    if value == int(value) and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.{_FIGURES}g}"


def word(value: Value) -> str:
    """A value of a flag or an attribute as text, and not too long for a cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        return shown(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    return text if len(text) <= _WORD else f"{text[:_WORD]}…"


def as_number(value: Value) -> float | None:
    """A value as the finite number that it is; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def seconds(begun: Value, ended: Value) -> float | None:
    """How long it is from one time of a run to another, in seconds; None where that is unknown."""
    if (
        not isinstance(begun, int)
        or not isinstance(ended, int)
        or not 0 <= begun <= ended < 1 << 62
    ):
        return None
    return (ended - begun) / 1e6


def length(found: float | None) -> str:
    """A length of time as people read it: `0.31s`, `42s`, `1h30m`; empty where it is unknown."""
    if found is None:
        return ""
    if found < 10:
        return f"{found:.2g}s"
    return lasting(round(found))


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
