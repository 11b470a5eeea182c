"""Attempts after the first: whether there is to be another, and the wait until it begins."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, NoReturn, Optional

from ..protocol import RetryForm, lasting
from ..store import attempts, inside
from .operation import Ended, Output, Told

_LONGEST_LINE = 1 << 16  # bytes of a line of output that are looked at in one piece
# Seconds that a line may take: of some patterns, for ever. Less than `guild stop` waits, which
# the runner heeds between two lines.
_MOST_TIME = 10.0


class Retries:
    """How often an operation that has failed is begun again by this runner."""

    def __init__(self, guild: str, form: RetryForm, told: Told) -> None:
        self._guild = guild
        self._form = form
        self._told = told
        self._made = 0

    @property
    def delay(self) -> float:
        return self._form["delay"]

    def is_due(self, ended: Ended, say: Output) -> bool:
        """Whether another attempt follows this one; the output says so, or why not.

        None follows where somebody has told the run to end, nor, unless the pattern says
        otherwise, where its time was over: whoever limits that wants the machine back.
        """
        if ended.code == 0 or ended.is_told:
            return False
        how = ended.ended_by or "exit status %d" % ended.code
        if self._made >= self._form["count"]:
            say.line("%s: not tried again, after %s" % (how, _counted(self._made)))
            return False
        if ended.is_out_of_time and not self._form["pattern"]:
            return False
        why = self._why_not_met(self._form["pattern"])
        if why:
            say.line("%s: not tried again%s" % (how, why))
            return False
        self._made += 1
        when = "now" if not self.delay else "in %s" % lasting(self.delay)
        say.line("%s: tried again %s (%d of %d)" % (how, when, self._made, self._form["count"]))
        return True

    def _why_not_met(self, pattern: str) -> str:
        """Why the last attempt's output is none that calls for another; nothing where it is."""
        if not pattern:
            return ""
        try:
            found = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as e:  # of a newer Python, say
            return ": %r is no regular expression to Python %s: %s" % (pattern, _python(), e)
        try:
            with _timed():
                for line in _lines(self._guild):
                    if self._told.signal:
                        return ": told to end"
                    signal.setitimer(signal.ITIMER_REAL, _MOST_TIME)
                    if found.search(line):
                        return ""
        except _TooLong:
            return ": %r takes too long on a line of the output" % pattern
        except OSError as e:
            return ": its output cannot be read: %s" % e.strerror
        return ", as no line of the output has %r" % pattern


class _TooLong(Exception):
    """A pattern has taken more than its time."""


@contextmanager
def _timed() -> Iterator[None]:
    """Have the end of a timer that is set within raise _TooLong, also out of a search."""

    def end(_signum: int, _frame: Optional[FrameType]) -> NoReturn:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, end)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _python() -> str:
    return "%d.%d" % sys.version_info[:2]


def _counted(count: int) -> str:
    return "1 retry" if count == 1 else "%d retries" % count


def _lines(guild: str) -> Iterator[str]:
    with os.fdopen(inside.open_file(guild, attempts.OUTPUT), "rb") as f:
        while True:
            line = f.readline(_LONGEST_LINE)
            if not line:
                return
            yield line.decode("utf-8", "replace").rstrip("\n")
