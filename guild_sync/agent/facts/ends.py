"""The end of a process as an event: of pidfd_open (Linux), or kqueue (macOS, FreeBSD)."""

from __future__ import annotations

import os
import select
import time
from contextlib import closing
from typing import Callable, Dict, Optional, Sequence, Set

_POLL = 0.05  # seconds between looks where the kernel tells no end of a process


class Ends:
    """The ends of some processes, from now on.

    Raises ProcessLookupError where one of them is gone, another OSError where the kernel tells
    of none. Who gets one of their numbers later is not taken for them.
    """

    def __init__(self, pids: Sequence[int]) -> None:
        self._handles: Dict[int, int] = {}  # of pidfds, each with its process
        self._open_pidfd: Optional[Callable[[int], int]] = getattr(os, "pidfd_open", None)
        make_queue = None if self._open_pidfd else getattr(select, "kqueue", None)
        if not self._open_pidfd and make_queue is None:
            raise NotImplementedError("neither pidfd_open nor kqueue")
        self._queue = make_queue() if make_queue else None
        try:
            for pid in pids:
                self._add(pid)
        except OSError:
            self.close()
            raise

    def _add(self, pid: int) -> None:
        if self._open_pidfd:
            self._handles[self._open_pidfd(pid)] = pid
            return
        assert self._queue is not None
        # kqueue(2), EVFILT_PROC: of a process that is gone, or is a zombie, ESRCH.
        names = ("KQ_FILTER_PROC", "KQ_EV_ADD", "KQ_NOTE_EXIT")
        kind, add, at_exit = (getattr(select, name) for name in names)
        event = getattr(select, "kevent")(pid, filter=kind, flags=add, fflags=at_exit)  # noqa: B009
        self._queue.control([event], 0, 0)

    def wait(self, seconds: Optional[float] = None) -> Set[int]:
        """Those that have ended, once there are any; none of them after so many seconds."""
        if self._queue is not None:
            return {event.ident for event in self._queue.control(None, 16, seconds)}
        poll = select.poll()
        for handle in self._handles:
            poll.register(handle, select.POLLIN)
        ready = poll.poll(None if seconds is None else seconds * 1000)
        return {self._handles[handle] for handle, _ in ready}

    def close(self) -> None:
        """Watch them no more."""
        if self._queue is not None:
            self._queue.close()
        for handle in self._handles:
            os.close(handle)
        self._handles.clear()


def are_told() -> bool:
    """Whether the kernel may tell of ends here."""
    return hasattr(os, "pidfd_open") or hasattr(select, "kqueue")  # Python 3.9, Linux 5.3; BSD


def wait_for_one(pids: Sequence[int], seconds: float) -> None:
    """Return when one of the processes has ended, at the latest after `seconds`."""
    try:
        with closing(Ends(pids)) as ends:
            ends.wait(seconds)
    except ProcessLookupError:
        pass
    except (OSError, NotImplementedError):  # a kernel that has none, or too many of them
        time.sleep(min(seconds, _POLL))


def handle_of(pid: int) -> Optional[int]:
    """A descriptor that can be read once the process that now has this pid has ended.

    None where it is gone, or where there is no such thing.
    """
    open_pidfd = getattr(os, "pidfd_open", None)
    if open_pidfd is None:
        return None
    try:
        handle: int = open_pidfd(pid)
    except OSError:
        return None
    return handle


def has_ended(child: int) -> bool:
    """Whether a child has ended. It is not waited for: until then nobody else gets its number."""
    if not hasattr(os, "waitid"):  # macOS, before Python 3.13
        try:
            with closing(Ends([child])) as ends:
                return bool(ends.wait(0))
        except ProcessLookupError:
            return True
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
