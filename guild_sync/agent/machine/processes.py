"""Processes as the kernel lists them: groups, descendants, and the end of one as an event."""

from __future__ import annotations

import os
import signal
from typing import Dict, List, NamedTuple, Optional, Sequence

from ..errors import AgentError
from ..facts import ends
from ..facts import here as system
from ..facts.telling import Process
from ..store import identity
from ..store.identity import Identity

# What tells a process to end, and it may refuse.
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
SLICE = 0.5  # seconds after which a wait looks again, where a process may outlive its run
LONGEST_WAIT = 3600.0  # seconds in one call: the kernel counts milliseconds, up to 24 days


def signal_group(group: int, signum: int) -> bool:
    """Send a signal to a process group; whether there was anybody in it."""
    try:
        os.killpg(group, signum)
    except OSError:
        return False
    return True


def of_session(session: int, but_group: Optional[int] = None) -> List[Identity]:
    """The processes that live in a session: whatever was started in it and has not left it."""
    found = [p for p in system.teller().processes() if p.session == session and p.lives]
    return [_identity(p) for p in found if p.group != but_group]


def tell_of_writers() -> bool:
    """Whether the system tells who holds a pipe."""
    return system.teller().tells_of_files


def are_costly() -> bool:
    """Whether a look at processes starts a program, whose end is a child's like any other."""
    return system.teller().starts_programs


def writers(pipe: Optional[int]) -> List[Identity]:
    """The other processes that hold the pipe with this inode, as far as we may look.

    None, too, where the system does not tell what processes have open.
    """
    tells = system.teller()
    if not pipe or not tells.tells_of_files:
        return []
    name = "pipe:[%s]" % pipe
    others = (p for p in tells.processes() if p.pid != os.getpid())
    return [_identity(p) for p in others if name in tells.open_files(p.pid)]


def command_of(pid: int) -> str:
    """The command line of a process, on one line; empty where it is gone."""
    words = system.teller().words(pid)
    return " ".join(b" ".join(words).decode("utf-8", "replace").split())


def _identity(process: Process) -> Identity:
    return identity.here(process.pid, process.start)


def below(pid: int) -> List[Identity]:
    """The processes below one, and those of the groups that they lead."""
    found = system.teller().processes()
    inside = set(_descendants(pid, found))
    led = {p.pid for p in found if p.pid in inside and p.group == p.pid}
    return [_identity(p) for p in found if p.pid in inside or p.group in led]


def descendants(pid: int) -> List[int]:
    """The children of a process, their children, and so on."""
    return _descendants(pid, system.teller().processes())


def _descendants(pid: int, processes: Sequence[Process]) -> List[int]:
    children: Dict[int, List[int]] = {}
    for process in processes:
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
    processes = system.teller().processes()
    below_it = {pid, *_descendants(pid, processes)}
    found = [
        process
        for process in processes
        if process.session == pid or process.pid in below_it or _is_of_run(process.pid, run_dir)
    ]
    ticks = sum(process.ticks for process in found)
    is_suspended = any(process.state == "T" for process in found)
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), is_suspended)


def _is_of_run(pid: int, run_dir: str) -> bool:
    if pid == os.getpid():
        return False
    return b"RUN_DIR=%s" % os.fsencode(run_dir) in system.teller().variables(pid)


def ancestors(pid: int) -> List[int]:
    """A process that lives, its parent, the parent of that, and so on; none for another."""
    parents = {process.pid: process.parent for process in system.teller().processes()}
    found: List[int] = []
    while pid in parents:
        found.append(pid)
        pid = parents.pop(pid)
    return found


def handle_of(who: Identity) -> Optional[int]:
    """A descriptor that can be read once the process has ended; None where there is none."""
    handle = ends.handle_of(who.pid)
    if handle is None:
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
