"""Processes as the kernel lists them: groups, descendants, and the end of one as an event."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Dict, Iterator, List, NamedTuple, Sequence, Set

from ..store import locks

# What tells a process to end, and it may refuse.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLICE = 0.5  # seconds after which a wait looks again, where a process may outlive its run
_POLL = 0.05  # where the kernel tells no end of a process


class _Process(NamedTuple):
    pid: int
    state: str
    parent: int
    group: int


def signal_group(group: int, signum: int) -> bool:
    """Send a signal to a process group; whether there was anybody in it."""
    try:
        os.killpg(group, signum)
    except OSError:
        return False
    return True


def group_lives(group: int) -> bool:
    """Whether a process of the group lives. A dead one that nobody waits for does not."""
    if not signal_group(group, 0):
        return False
    if not os.path.isdir("/proc/self"):
        return True
    return any(p.group == group and p.state not in "ZX" for p in _processes())


def descendants(pid: int) -> List[int]:
    """The children of a process, their children, and so on."""
    children: Dict[int, List[int]] = {}
    for process in _processes():
        children.setdefault(process.parent, []).append(process.pid)
    found: List[int] = []
    waiting = [pid]
    while waiting:
        for child in children.pop(waiting.pop(), []):
            found.append(child)
            waiting.append(child)
    return found


def ancestors(pid: int) -> List[int]:
    """A process that lives, its parent, the parent of that, and so on; none for another."""
    parents = {process.pid: process.parent for process in _processes()}
    found: List[int] = []
    while pid in parents:
        found.append(pid)
        pid = parents.pop(pid)
    return found


def groups_of(pids: Sequence[int]) -> Set[int]:
    """The groups that these processes lead."""
    wanted = set(pids)
    return {p.group for p in _processes() if p.pid in wanted and p.group == p.pid}


def _processes() -> Iterator[_Process]:
    """All processes. Source: proc(5): after the name there are state, ppid, pgrp."""
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    for name in names:
        if name.isdigit():
            fields = locks.stat_of(int(name))
            if fields:
                yield _Process(int(name), fields[0].decode(), int(fields[1]), int(fields[2]))


def wait_for_an_end(pids: Sequence[int], seconds: float) -> None:
    """Return when one of the processes has ended, at the latest after `seconds`."""
    open_pidfd = getattr(os, "pidfd_open", None)  # Python 3.9, Linux 5.3
    if open_pidfd is None:
        time.sleep(min(seconds, _POLL))
        return
    poll = select.poll()
    handles = []
    try:
        for pid in pids:
            handles.append(open_pidfd(pid))
            poll.register(handles[-1], select.POLLIN)
        poll.poll(seconds * 1000)
    except ProcessLookupError:
        pass
    except OSError:  # a kernel that has none, or too many of them
        time.sleep(min(seconds, _POLL))
    finally:
        for handle in handles:
            os.close(handle)


def send(pid: int, signum: int) -> None:
    """Send a signal to one process; ProcessLookupError where it is gone."""
    os.kill(pid, signum)
