"""Numbers and values as pages show them."""

from __future__ import annotations

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
