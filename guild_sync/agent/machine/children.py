"""Child processes that do not outlive the process that started them."""

from __future__ import annotations

import ctypes
import os
import signal
from typing import Callable

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
