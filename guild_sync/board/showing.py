"""A board shown as the terminal, the pipe or the program at the other end can take it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from guild_sync.board import page, told
from guild_sync.board.rounds import Rounds
from guild_sync.board.states import RemoteState
from guild_sync.config.home import guild_home
from guild_sync.errors import Exit
from guild_sync.hosts.local import LocalHost
from guild_sync.output import console, extra, terminal

INTERVAL = 5.0  # seconds from an answer to the next question
WITHIN = 20.0  # seconds for all answers, where the board is shown once
LATELY = 3600.0  # seconds for which a run that has ended is shown


@dataclass(frozen=True)
class Shown:
    """How a board is shown; times in seconds."""

    once: bool = False
    as_json: bool = False
    plain: bool = False  # without keys, be they there
    interval: float = INTERVAL
    within: float = WITHIN
    lately: float = LATELY


def show(names: Sequence[str], how: Shown) -> int:
    """Show these remotes and their runs; the exit status.

    Once: 0 where all have answered, 3 where one has not, 1 where guild cannot work on one. Else
    it is shown until somebody leaves it, which is 0.
    """
    rounds = Rounds(names, how.interval, how.lately)
    if how.once or how.as_json or not terminal.draws_over(sys.stdout):
        return _once(rounds, how)
    with terminal.left_by_signals():
        # What is known here is seen before any remote is asked: many connections take their time.
        rounds.remember(LocalHost(str(guild_home())))
        try:
            _shown(rounds, how.plain)
        except KeyboardInterrupt:
            pass
        finally:
            rounds.end()
    return Exit.OK


def _shown(rounds: Rounds, plain: bool) -> None:
    # Textual draws on stderr.
    are_terminals = sys.stdin.isatty() and sys.stderr.isatty()
    has_textual = extra.is_here("textual")
    if not plain and are_terminals and has_textual:
        from guild_sync.board.app import FleetApp

        FleetApp(rounds).run_until_left()
        return
    from guild_sync.board import live

    hint = "" if plain or has_textual else f"; keys need guild-sync[report]: {_typed()}"
    live.show(rounds, f"Ctrl-C leaves{hint}")


def _typed() -> str:
    return terminal.clean(extra.command("report", "textual"))


def _once(rounds: Rounds, how: Shown) -> int:
    rounds.begin()
    rounds.remember(LocalHost(str(guild_home())))
    rounds.await_all(how.within)
    rounds.end()
    _, found = rounds.remotes()
    if how.as_json:
        print(json.dumps([told.remote_record(state) for state in found]))
    else:
        for line in page.lines(found, time.time()):
            console.say(line)
    return _worst(found)


def _worst(found: Sequence[RemoteState]) -> int:
    return max((state.exit for state in found), default=Exit.OK)
