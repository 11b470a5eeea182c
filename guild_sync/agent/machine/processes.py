"""Processes as the kernel lists them: groups, descendants, and the end of one as an event."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence

from ..errors import AgentError, refuse_exhaustion
from ..store import identity
from ..store.identity import Identity

# What tells a process to end, and it may refuse.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLICE = 0.5  # seconds after which a wait looks again, where a process may outlive its run
LONGEST_WAIT = 3600.0  # seconds in one call: the kernel counts milliseconds, up to 24 days
_POLL = 0.05  # where the kernel tells no end of a process


class _Process(NamedTuple):
    pid: int
    state: str
    parent: int
    group: int
    session: int
    start: int
    ticks: int  # of CPU, with those of the children that it has waited for

    @property
    def lives(self) -> bool:
        """Whether it does; a dead one that nobody has waited for yet is listed, too."""
        return self.state not in ("Z", "X")


def signal_group(group: int, signum: int) -> bool:
    """Send a signal to a process group; whether there was anybody in it."""
    try:
        os.killpg(group, signum)
    except OSError:
        return False
    return True


def of_session(session: int, but_group: Optional[int] = None) -> List[Identity]:
    """The processes that live in a session: whatever was started in it and has not left it."""
    found = [p for p in _processes() if p.session == session and p.lives]
    return [_identity(p) for p in found if p.group != but_group]


def writers(pipe: Optional[int]) -> List[Identity]:
    """The other processes that hold the pipe with this inode, as far as we may look.

    Source: proc(5), /proc/PID/fd.
    """
    name = "pipe:[%s]" % pipe
    found = []
    for process in _processes() if pipe else ():
        if process.pid != os.getpid() and name in _open_files(process.pid):
            found.append(_identity(process))
    return found


def _open_files(pid: int) -> Iterator[str]:
    folder = "/proc/%d/fd" % pid
    try:
        names = os.listdir(folder)
    except OSError as e:  # it ended, or is another user's
        refuse_exhaustion(e)
        return
    for name in names:
        try:
            yield os.readlink(os.path.join(folder, name))
        except OSError:
            pass


def command_of(pid: int) -> str:
    """The command line of a process, on one line; empty where it is gone."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            words = f.read(4096).rstrip(b"\0").split(b"\0")
    except OSError:
        return ""
    return " ".join(b" ".join(words).decode("utf-8", "replace").split())


def _identity(process: _Process) -> Identity:
    return identity.here(process.pid, process.start)


def has_ended(pid: int) -> bool:
    """Whether a child has ended. It is not waited for: until then nobody else gets its number."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def below(pid: int) -> List[Identity]:
    """The processes below one, and those of the groups that they lead."""
    inside = set(descendants(pid))
    led = {p.pid for p in _processes() if p.pid in inside and p.group == p.pid}
    return [_identity(p) for p in _processes() if p.pid in inside or p.group in led]


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


class Usage(NamedTuple):
    """The CPU seconds that an operation has used, and whether a process of it is suspended."""

    seconds: float
    is_suspended: bool


def usage(pid: int, run_dir: str) -> Usage:
    """What an operation has used by now, whose first process is this one.

    Its processes are those of its session, all below it, and wherever they went those that were
    started with the run's directory as RUN_DIR.
    """
    below_it = {pid, *descendants(pid)}
    found = [
        process
        for process in _processes()
        if process.session == pid or process.pid in below_it or _is_of_run(process.pid, run_dir)
    ]
    ticks = sum(process.ticks for process in found)
    is_suspended = any(process.state == "T" for process in found)
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), is_suspended)


def _is_of_run(pid: int, run_dir: str) -> bool:
    if pid == os.getpid():
        return False
    try:
        with open("/proc/%d/environ" % pid, "rb") as f:
            return b"\0RUN_DIR=%s\0" % os.fsencode(run_dir) in b"\0" + f.read()
    except OSError as e:  # it is gone, or another user's
        refuse_exhaustion(e)
        return False


def ancestors(pid: int) -> List[int]:
    """A process that lives, its parent, the parent of that, and so on; none for another."""
    parents = {process.pid: process.parent for process in _processes()}
    found: List[int] = []
    while pid in parents:
        found.append(pid)
        pid = parents.pop(pid)
    return found


def _processes() -> Iterator[_Process]:
    """All processes. Source: proc(5): behind the name state, ppid, pgrp, session; from the 12th
    on utime, stime, cutime, cstime; 20th, start."""
    try:
        names = os.listdir("/proc")
    except OSError as e:
        refuse_exhaustion(e)
        return
    for name in names:
        if name.isdigit():
            fields = identity.stat_of(int(name))
            if fields:  # else it ended
                parent, group, session = map(int, fields[1:4])
                ticks = sum(map(int, fields[11:15]))
                state = fields[0].decode()
                yield _Process(int(name), state, parent, group, session, int(fields[19]), ticks)


def handle_of(who: Identity) -> Optional[int]:
    """A descriptor that can be read once the process has ended; None where there is none."""
    open_pidfd = getattr(os, "pidfd_open", None)  # Python 3.9, Linux 5.3
    if open_pidfd is None:
        return None
    try:
        handle: int = open_pidfd(who.pid)
    except OSError:
        return None
    try:
        lives = identity.lives(who)
    except AgentError:
        os.close(handle)
        raise
    if lives:
        return handle
    os.close(handle)
    return None


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
