"""Runs beside each other again and again: drawn over on a terminal, printed anew in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from guild_sync.comparison import page
from guild_sync.comparison.together import SideBySide
from guild_sync.output import console, terminal

if TYPE_CHECKING:
    from rich.text import Text


def redrawn(first: SideBySide, look: Callable[[], SideBySide], interval: float) -> None:
    """Show runs, and look again every `interval` seconds, until none of them goes on."""
    if terminal.draws_over(sys.stdout):
        with terminal.left_by_signals():
            _drawn_over(first, look, interval)
        return
    before = ""
    for shown in _each(first, look, interval):
        text = "\n".join(page.lines(shown))
        if text != before:
            console.say(f"\n{text}" if before else text)
        before = text


def _drawn_over(first: SideBySide, look: Callable[[], SideBySide], interval: float) -> None:
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), auto_refresh=False) as live:
        for shown in _each(first, look, interval):
            live.update(_text(shown), refresh=True)


def _text(shown: SideBySide) -> Text:
    from rich.text import Text

    # What of these lines comes from runs was cleaned: the colours are guild's own.
    return Text("\n").join(Text.from_ansi(line) for line in page.lines(shown))


def _each(
    shown: SideBySide, look: Callable[[], SideBySide], interval: float
) -> Iterator[SideBySide]:
    yield shown
    while shown.goes_on:
        time.sleep(interval)
        shown = look()
        yield shown
