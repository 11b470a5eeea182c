"""A board on a terminal that only shows: drawn anew at each change, until Ctrl-C."""

from __future__ import annotations

import time

from guild_sync.board import page
from guild_sync.board.rounds import Rounds
from guild_sync.screens.own_screen import own_screen

_TICK = 1.0  # seconds after which ages are shown anew, where nothing else changes


def show(rounds: Rounds, foot: str) -> None:
    """Show the board until Ctrl-C, or another signal, leaves it: the terminal is as it was then.

    `foot` is the last line.
    """
    with own_screen(foot) as screen:
        begun = False
        while True:
            count, _ = rounds.remotes()
            screen.draw(lambda: page.lines(rounds.remotes()[1], time.time()))
            if not begun:
                rounds.begin()
                begun = True
            rounds.await_change(count, _TICK)
