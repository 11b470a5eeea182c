"""How long an attempt may take, and do nothing: where that is over, it is told to end."""

from __future__ import annotations

import signal
import time
from typing import NamedTuple, Optional

from ..errors import Exhausted
from ..facts.telling import Untold
from ..machine import processes
from ..protocol import STALLED, TIME_LIMIT, lasting

_PATIENCE = 30.0  # seconds for what was told to end, as `guild stop` has them
_IDLE = 0.001  # of a CPU: less is what threads take that only wait
_LONGEST, _SHORTEST = 30.0, 0.05  # seconds between two looks at what the processes use


class Reached(NamedTuple):
    """A limit that is reached, in words, and the signal that the operation gets for it."""

    text: str
    signal: int


class Limits:
    """The limits of one attempt, in seconds; 0: there is none."""

    def __init__(self, run_dir: str, time_limit: float = 0, stall: float = 0) -> None:
        self.ended_by = ""
        self._run_dir = run_dir
        self._time_limit = time_limit
        self._stall = stall
        self._pid = 0
        self._ends: Optional[float] = None  # when it is over, or what was told to end is killed
        self._quiet_since = 0.0
        self._used = 0.0  # CPU seconds, by then
        self._looks = 0.0  # when the processes are looked at

    def begin(self, pid: int) -> None:
        """The operation has begun; its first process is this one."""
        self._pid = pid
        self._quiet_since = now = time.monotonic()
        self._ends = now + self._time_limit if self._time_limit else None
        self._looks = now + self._pause

    @property
    def _pause(self) -> float:
        return min(max(self._stall / 10, _SHORTEST), _LONGEST)

    def heard(self) -> None:
        """It has printed something."""
        self._quiet_since = time.monotonic()

    def seconds(self, most: Optional[float]) -> Optional[float]:
        """How long nothing is to be looked at, `most` at most; None: until something happens."""
        times = [self._ends] if self._ends is not None else []
        times += [self._looks] if self._stall and not self.ended_by else []
        waits = [
            min(max(0.0, moment - time.monotonic()), processes.LONGEST_WAIT) for moment in times
        ]
        return min(waits + ([] if most is None else [most]), default=None)

    def reached(self) -> Optional[Reached]:
        """What it is to get now: SIGTERM, and SIGKILL where that has not ended it in time.

        None where no limit was reached since this was asked last.
        """
        now = time.monotonic()
        is_over = self._ends is not None and now >= self._ends
        if self.ended_by:
            if not is_over:
                return None
            self._ends = None
            return Reached("%s: killed, as it goes on" % self.ended_by, signal.SIGKILL)
        if is_over:
            self.ended_by = "%s %s" % (TIME_LIMIT, lasting(self._time_limit))
        elif self._stall and now >= self._looks and self._has_stalled(now):
            self.ended_by = "%s for %s" % (STALLED, lasting(self._stall))
        if not self.ended_by:
            return None
        self._ends = now + _PATIENCE
        return Reached("%s: told to end" % self.ended_by, signal.SIGTERM)

    def _has_stalled(self, now: float) -> bool:
        """Whether there was no output, nor any work of its processes, for so long.

        What is suspended has not stalled, nor has what ends or begins processes.
        """
        self._looks = now + self._pause
        try:
            usage = processes.usage(self._pid, self._run_dir)
        except (Exhausted, Untold):  # nothing is known for now
            return False
        used = usage.seconds - self._used
        if usage.is_suspended or not 0 <= used <= self._stall * _IDLE:
            self._quiet_since, self._used = now, usage.seconds
        return now - self._quiet_since >= self._stall
