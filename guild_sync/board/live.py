"""A board on a terminal that only shows: drawn anew at each change, until Ctrl-C."""

from __future__ import annotations

import time

from guild_sync.board import page
from guild_sync.board.rounds import Rounds
from guild_sync.output.terminal import cut, terminal_width

_TICK = 1.0  # seconds after which ages are shown anew, where nothing else changes


def show(rounds: Rounds, foot: str) -> None:
    """Show the board until Ctrl-C, or another signal, leaves it: the terminal is as it was then.

    `foot` is the last line.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    with Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        begun = False
        while True:
            count, remotes = rounds.remotes()
            fitting = _fitting(page.lines(remotes, time.time()), console.size.height, foot)
            live.update(Text.from_ansi("\n".join(fitting), no_wrap=True), refresh=True)
            if not begun:
                rounds.begin()
                begun = True
            rounds.await_change(count, _TICK)


def _fitting(lines: list[str], height: int, foot: str) -> list[str]:
    """As many of the lines as there is room for; the last one says how many there are besides."""
    foot = cut(foot, terminal_width() or 80)
    room = max(1, height - 1)
    if len(lines) <= room:
        return [*lines, *[""] * (room - len(lines)), foot]
    return [*lines[: room - 1], f"… {len(lines) - room + 1} more lines", foot][-height:]
