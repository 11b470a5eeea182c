"""Child processes: this agent once more, programs that are asked, none that outlives its parent."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
from typing import Callable, List, Mapping, Optional, Tuple

from ..protocol import SHARED

_PR_SET_PDEATHSIG = 1  # prctl(2), Linux
_OPEN = re.compile(r"[0-9]{1,9}\Z")  # the number of a handle


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


def shared_handles() -> Tuple[int, ...]:
    """The handle on what this process has of its host with the run that has started it."""
    text = os.environ.get(SHARED, "")
    return (int(text),) if _OPEN.match(text) and os.path.exists("/dev/fd/" + text) else ()


def said(
    argv: List[str], seconds: float, variables: Optional[Mapping[str, str]] = None
) -> Optional[str]:
    """What a program prints; None where it is not there, fails, or takes longer."""
    import shutil  # not every agent asks a program
    import subprocess

    variables = os.environ if variables is None else variables
    program = shutil.which(argv[0], path=variables.get("PATH"))
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(variables),
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
