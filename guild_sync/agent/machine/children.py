"""Child processes: this agent once more, and none that outlives the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Callable, List

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux


def die_with_parent(signum: int = signal.SIGKILL) -> Callable[[], None]:
    """What a child does before it becomes its program: have the kernel end it with us.

    Where there is no prctl it does nothing.
    """
    parent = os.getpid()
    try:
        prctl = ctypes.CDLL(None).prctl
    except (OSError, AttributeError):
        return lambda: None

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0)
        if os.getppid() != parent:  # it died before the kernel knew
            os._exit(1)

    return prepare


def agent_argv(*words: str) -> List[str]:
    """This agent again, as a process of its own: whatever the locale, names are UTF-8."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return [sys.executable, "-I", "-S", "-X", "utf8", here, *words]
