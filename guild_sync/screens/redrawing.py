"""Something looked at again and again: drawn over on a terminal, printed anew in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from guild_sync.errors import GuildError
from guild_sync.output import terminal
from guild_sync.output.console import rest, say
from guild_sync.screens.own_screen import own_screen

T = TypeVar("T")


def looks(
    first: T, look: Callable[[], T], goes_on: Callable[[T], bool], interval: float
) -> Iterator[T]:
    """What there is, and then what each look finds, `interval` seconds apart, until it is over."""
    yield first
    while goes_on(first):
        rest(interval)  # nothing tells of what happens elsewhere
        first = look()
        yield first


def redrawn(found: Iterator[T], lines: Callable[[T], Sequence[str]]) -> None:
    """Show what is found, as these lines, until that is all.

    On a terminal each is drawn over the one before, and the last stays; elsewhere one is printed
    where it is not as the one before.
    """
    if not terminal.draws_over(sys.stdout):
        _print_what_changes(found, lines)
        return
    last: Callable[[], Sequence[str]] = list
    try:
        with own_screen() as screen:
            for one in found:
                last = partial(lines, one)
                screen.draw(last)
    except (GuildError, KeyboardInterrupt):
        _say(last())
        raise
    _say(last())


def _print_what_changes(found: Iterator[T], lines: Callable[[T], Sequence[str]]) -> None:
    before: Sequence[str] = ()
    for one in found:
        now = lines(one)
        if now != before:
            _say(["", *now] if before else now)
        before = now


def _say(lines: Sequence[str]) -> None:
    if lines:
        say("\n".join(lines))
