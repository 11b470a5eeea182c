"""What `ps` tells of processes, where there is no /proc: on macOS and FreeBSD.

Its columns, and their forms, are those of ps(1) and bin/ps/print.c of FreeBSD, and of ps(1) of
macOS: `lstart` is written by strftime's `%c`, `time` as MINUTES:SECONDS.HUNDREDTHS.
"""

from __future__ import annotations

import os
import re
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

from . import sysctl
from .asking import said
from .telling import Process, ProcessTeller, Untold

# POSIX: an `=` ends the list of an -o, so that each column has its own; `-S` counts the children
# that were waited for, too.
_COLUMNS = ("pid", "ppid", "pgid", "stat", "time", "lstart")
_ARGV = ("ps", "-A", "-S", *(word for name in _COLUMNS for word in ("-o", name + "=")))
_JAIL = ("ps", "-o", "jid=", "-p")  # FreeBSD alone; 0 outside of jails
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_NUMBER = re.compile(r"[0-9]{1,10}\Z")
_DATE = re.compile(r"([0-9]{1,2}) ([0-9]{1,2}):([0-9]{2}):([0-9]{2}) ([0-9]{4})\Z")
_TIME = re.compile(r"(?:(?:([0-9]{1,9})-)?([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,9}(?:\.[0-9]+)?)\Z")
_EPOCH = 1970
# Seconds for which what ps said of starts is kept, with the kernel's word that a number is still
# somebody's: within one, `lstart` would not tell two processes with a number apart either.
_KEPT = 1.0
_ZOMBIE = "Z"
_MOST = (1 << 31) - 1  # the highest number of a process
_NO_START = -1  # of a zombie, of which some tell none


class PsLine(NamedTuple):
    """A process as ps lists it."""

    pid: int
    parent: int
    group: int
    state: str
    seconds: float  # of CPU, with those of the children that it has waited for
    began: int  # seconds since 1970


class ByPs(ProcessTeller):
    """What ps tells, and the kernel where every system does: kill(2) with 0, getsid(2)."""

    starts_programs = True

    def __init__(self) -> None:
        self._known: Dict[int, Tuple[str, int]] = {}  # state and start of each process, then
        self._asked = -_KEPT
        self._untold: Optional[Untold] = None  # why nothing was known, then

    def start_time(self, pid: int, is_fresh: bool = False) -> Optional[int]:
        """When a process started, in seconds: since 1970 where that stays the same for as long
        as it lives, else since the boot (`sysctl.reckoned_from`)."""
        if self.is_gone(pid):
            return None
        is_old = time.monotonic() - self._asked > _KEPT
        if not is_old and self._untold:
            raise self._untold  # of twenty runs a ps that hangs is not asked twenty times
        if is_fresh or is_old or pid not in self._known:
            self._look()
        if pid in self._known:
            state, start = self._known[pid]
            return None if state == _ZOMBIE else start
        if self.is_gone(pid):
            return None
        raise Untold("ps does not tell of process %d" % pid)

    def _look(self) -> None:
        self._known, self._untold = {}, None
        try:
            base = sysctl.reckoned_from()
            self._known = {p.pid: (p.state[:1], p.began - base) for p in listed()}
        except Untold as e:
            self._untold = e
            raise
        finally:
            self._asked = time.monotonic()

    def started_at(self, pid: int) -> Optional[float]:
        start = self.start_time(pid)
        return None if start is None else start + sysctl.reckoned_from()

    def is_gone(self, number: int) -> bool:
        try:
            os.kill(number, 0)
        except ProcessLookupError:
            return True
        except OverflowError:  # more than a process's number can be
            return True
        except PermissionError:
            pass
        return False

    def is_one(self, start: Optional[int], other: Optional[int]) -> bool:
        if start is None or other is None:
            return start is other
        # A clock that was set moves the boot by parts of a second, too.
        return abs(start - other) <= (1 if sysctl.counts_from_boot() else 0)

    def processes(self) -> List[Process]:
        base, per_second = sysctl.reckoned_from(), os.sysconf("SC_CLK_TCK")
        found = []
        for p in listed():
            session = _session_of(p.pid)
            if session is not None:
                ticks = round(p.seconds * per_second)
                start = p.began - base
                state = p.state[:1]
                found.append(Process(p.pid, state, p.parent, p.group, session, start, ticks))
        return found

    def number(self) -> int:
        """That of the process: those of threads are none that kill(2) knows."""
        return os.getpid()

    def boot(self) -> Optional[str]:
        return sysctl.boot()

    def namespace(self) -> Optional[int]:
        """The jail. A process in another one has a number of the same machine, not seen here."""
        if not sysctl.is_freebsd():
            return None
        return _number((said([*_JAIL, str(os.getpid())]) or "").strip())


def listed() -> List[PsLine]:
    """All processes that ps lists. Raises Untold where it does not say."""
    text = said(_ARGV)
    found = parsed(text) if text is not None else []
    if not found:
        raise Untold("there is no /proc, and ps does not list processes")
    return found


def parsed(text: str) -> List[PsLine]:
    """The processes of what ps has said, without the lines that make no sense."""
    lines = (line.split() for line in text.splitlines())
    return [found for found in map(_read, lines) if found]


def _read(words: List[str]) -> Optional[PsLine]:
    if len(words) < 4:
        return None
    pid, parent, group = map(_number, words[:3])
    if pid is None or parent is None or group is None:
        return None
    if words[3].startswith(_ZOMBIE):  # FreeBSD has a `-` for what it does not tell of it
        return PsLine(pid, parent, group, _ZOMBIE, 0.0, _NO_START)
    if len(words) != len(_COLUMNS) + 4:
        return None
    seconds, began = _seconds(words[4]), _moment(words[5:])
    if seconds is None or began is None:
        return None
    return PsLine(pid, parent, group, words[3], seconds, began)


def _number(text: str) -> Optional[int]:
    """A number as processes have them; None for what is none."""
    return int(text) if _NUMBER.match(text) and int(text) <= _MOST else None


def _seconds(text: str) -> Optional[float]:
    found = _TIME.match(text)
    if not found:
        return None
    days, hours, minutes = (int(part or 0) for part in found.group(1, 2, 3))
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(found[4])


def _moment(words: List[str]) -> Optional[int]:
    """Seconds since 1970 of `Fri Nov 27 16:36:19 2026`, which is in UTC; None of no such time.

    A year that is cut short is none: whose start is wrong is taken for another process.
    """
    import calendar

    _, month, *rest = words
    found = _DATE.match(" ".join(rest))
    if month not in _MONTHS or not found:
        return None
    day, hour, minute, second, year = map(int, found.groups())
    if year < _EPOCH or not 1 <= day <= 31 or hour > 23 or minute > 59 or second > 60:
        return None
    return calendar.timegm((year, _MONTHS.index(month) + 1, day, hour, minute, second, 0, 0, 0))


def _session_of(pid: int) -> Optional[int]:
    # The `sess` of ps is an address on macOS, and a zombie's is nobody's there.
    try:
        return os.getsid(pid)
    except PermissionError:
        return 0
    except ProcessLookupError:
        return None
