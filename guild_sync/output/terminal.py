"""What a terminal can show, and what it must not be sent."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from guild_sync.agent.protocol import ESCAPES

_SURROGATE = "[\ud800-\udfff]"  # a byte that was not UTF-8
_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"

ENDS = (15, 1)  # SIGTERM, SIGHUP: what ends a program that has a terminal

_STYLES = {
    "bold": "1", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35",
    "cyan": "36",
}  # fmt: skip


class Styled(str):
    """Text of a cell that `table` shows in a style where there are colours."""

    style: str = ""

    @classmethod
    def of(cls, text: str, style: str) -> Styled:
        made = cls(text)
        made.style = style
        return made


def clean(value: object) -> str:
    """`value` as text that can neither move the cursor nor end the line.

    Labels and names come from remotes: what a terminal would obey is shown as `?`.
    """
    text = str(value)
    if text.isprintable():  # as most is, and then there is nothing of either in it
        return text
    return re.sub(_CONTROL, "?", re.sub(_SURROGATE, "\ufffd", text))


def clean_lines(text: str) -> str:
    """As `clean`, with the lines and tabs that `text` has."""
    text = re.sub(_SURROGATE, "\ufffd", text)
    return re.sub(_CONTROL, lambda found: found[0] if found[0] in "\n\t" else "?", text)


def as_seen(line: str) -> str:
    """A line of an output as it was to be seen last, if it was drawn over, and in no colour."""
    last = line.rstrip("\r").rpartition("\r")[2]
    return clean_lines(re.sub(ESCAPES, "", last))


def has_colours(stream: TextIO) -> bool:
    """Whether `stream` gets colours: a terminal that can show them, and nobody against it.

    NO_COLOR, when it is not empty, is against them (no-color.org); else FORCE_COLOR, when it
    is not empty, asks for them even where there is no terminal.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return draws_over(stream)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # None: it was closed before we began


def draws_over(stream: TextIO) -> bool:
    """Whether `stream` is a terminal on which what is there can be drawn over."""
    return _is_terminal(stream) and os.environ.get("TERM", "dumb") != "dumb"


@contextmanager
def left_by_signals() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise SystemExit: the terminal is left as it was found."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with handled(leave, *ENDS):
        yield


@contextmanager
def noted_signals() -> Iterator[list[int]]:
    """Within, SIGTERM and SIGHUP are noted alone: until who takes the terminal can give it back."""
    noted: list[int] = []
    with handled(lambda number, _frame: noted.append(number), *ENDS):
        yield noted


@contextmanager
def handled(handler: Callable[[int, FrameType | None], object], *numbers: int) -> Iterator[None]:
    """Within, these signals are the handler's. In the main thread alone."""
    import signal  # no listing needs it

    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def styled(text: str, style: str, stream: TextIO) -> str:
    """`text` as `stream` is to get it: in the style where that gets colours."""
    if not text or not style or not has_colours(stream):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def cut(text: str, width: int) -> str:
    """`text` in no more than `width` columns; where some of it is left out, `…` is its end."""
    if width_of(text) <= width:
        return text
    kept, room = "", width - 1
    for character in text:
        room -= width_of(character)
        if room < 0:
            break
        kept += character
    return f"{kept.rstrip()}…" if width > 0 else ""


def terminal_width() -> int | None:
    """The columns of the terminal that stdout is; None where it is none, or does not tell."""
    try:
        if not _is_terminal(sys.stdout):
            return None
        named = os.environ.get("COLUMNS", "")
        columns = int(named) if named.isdecimal() else 0
        return columns or os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def width_of(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 0 if combining(c) else 1 for c in text)
