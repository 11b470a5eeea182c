"""Patience with patterns: one that takes too long in a text is given up.

A pattern of guild.yml can take longer than the world stands, `(a+)+b`. Python's matcher looks for
signals while it works, so a timer of the time that this process has worked ends it.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Iterator, Optional

SECONDS = 1.0  # of work, in one piece of output


class TooLong(Exception):
    """It was given up."""


def is_bounded() -> bool:
    """Whether work can be given up here: signals are for a process's first thread alone."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def limited(seconds: float = SECONDS) -> Iterator[None]:
    """Have what is done meanwhile end with TooLong once it has worked for so long."""
    is_over = False

    def end(_signum: int, _frame: Optional[FrameType]) -> None:
        if not is_over:
            raise TooLong

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
