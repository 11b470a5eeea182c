"""Which process it is: a number alone says little, for numbers are given again.

A process is who it is by its number, the time at which it started, the boot of its machine
and the pid namespace that its number counts in. The host's name only tells people where it is.
"""

from __future__ import annotations

import os
from typing import Mapping, NamedTuple, Optional

from ..facts import here as system
from ..facts.telling import Untold
from ..protocol import Value

_RUN_DIR = b"RUN_DIR="
_MOST = (1 << 31) - 1  # the highest number of a process
NOT_TOLD = -1  # a start that the system did not tell when it was written down


class Identity(NamedTuple):
    """A process, told from any other that has, had or will have its number."""

    pid: int
    # Clock ticks since the boot, or seconds where /proc is not there; None where it is gone.
    start: Optional[int]
    boot: Optional[str]
    host: str
    namespace: Optional[int]  # the inode of /proc/self/ns/pid, or the jail; None: not known


def of(pid: int) -> Identity:
    """The process that has this number here and now."""
    try:
        return here(pid, start_time(pid))
    except Untold:
        return here(pid, NOT_TOLD)


def here(pid: int, start: Optional[int]) -> Identity:
    """The process with this number that started then, on this machine."""
    return Identity(pid, start, system.boot(), os.uname().nodename, system.namespace())


def recorded(record: Mapping[str, Value]) -> Optional[Identity]:
    """The process that a record tells of, None where that makes no sense."""
    pid, start, namespace = (record.get(name) for name in ("pid", "start", "namespace"))
    boot, host = record.get("boot"), record.get("host")
    if not isinstance(pid, int) or not 0 < pid <= _MOST:
        return None
    return Identity(
        pid,
        start if isinstance(start, int) else None,
        boot if isinstance(boot, str) else None,
        host if isinstance(host, str) else "",
        namespace if isinstance(namespace, int) else None,
    )


def is_same(one: Identity, other: Identity) -> bool:
    """Whether they are one process, whatever its machine was called when it was recorded.

    So, too, where it was not told when one of them started, and all else is the same.
    """
    is_told = NOT_TOLD not in (one.start, other.start)
    is_one = not is_told or system.teller().is_one(one.start, other.start)
    return is_one and one._replace(host="", start=None) == other._replace(host="", start=None)


def is_elsewhere(who: Identity) -> bool:
    """Whether it is a process of another machine: neither name nor boot are this one's."""
    return who.host != os.uname().nodename and (who.boot is None or who.boot != system.boot())


def is_in_other_namespace(who: Identity) -> bool:
    """Whether it is a process of this machine whose number counts elsewhere: a container's."""
    own = system.namespace()
    return who.boot == system.boot() and None not in (who.namespace, own) and who.namespace != own


def lives(who: Identity, is_fresh: bool = False) -> bool:
    """Whether just this process lives, as seen from here.

    `is_fresh`: what was known a second ago does not count. Raises Untold where its number is
    somebody's, and the system does not tell whose.
    """
    if who.boot != system.boot() or is_in_other_namespace(who):
        return False
    start = start_time(who.pid, is_fresh)
    if start is None:
        return False
    if who.start == NOT_TOLD:
        raise Untold("when process %d started was not told" % who.pid)
    return system.teller().is_one(who.start, start)


def may_live(who: Identity) -> bool:
    """As `lives`; so, too, where that is not told."""
    try:
        return lives(who)
    except Untold:
        return True


def is_still_meant(who: Identity) -> bool:
    """Whether its number, and that of its session, can mean nobody else here, though it ended."""
    if who.boot != system.boot() or is_in_other_namespace(who):
        return False
    try:
        return start_time(who.pid) is None or lives(who)
    except Untold:
        return False


def send(who: Identity, signum: int) -> None:
    """Send a signal to this process and no other; ProcessLookupError where it is gone.

    Raises Untold.
    """
    import signal  # a listing, which asks who lives, has no use for it

    open_handle = getattr(os, "pidfd_open", None)  # Python 3.9, Linux 5.3
    send_to_handle = getattr(signal, "pidfd_send_signal", None)
    handle = None
    if open_handle and send_to_handle:
        try:
            handle = open_handle(who.pid)
        except OSError:  # it is gone, or the kernel has none or forbids it
            pass
    try:
        # A handle means who has the number now, whoever gets it next: it is looked at after.
        if not lives(who, is_fresh=True):
            raise ProcessLookupError(who.pid)
        if handle is not None and send_to_handle is not None:
            send_to_handle(handle, signum)
        else:
            os.kill(who.pid, signum)
    finally:
        if handle is not None:
            os.close(handle)


def number() -> int:
    """What stands for this thread in a file's name, as `is_gone` reads it; for more than one thread
    where the system has no such numbers for them."""
    return system.teller().number()


def is_gone(pid: str) -> bool:
    """Whether a part of a file's name is the number of a process or thread that is no more."""
    return pid.isascii() and pid.isdigit() and system.teller().is_gone(int(pid))


class ProcessPlace(NamedTuple):
    """Where the numbers of processes count, as a part of a file's name."""

    host: str
    boot: str
    namespace: str

    def __str__(self) -> str:
        return ".".join(self)


def place() -> ProcessPlace:
    """This machine, its boot, and this pid namespace."""
    import hashlib  # few processes copy

    host, boot = (
        hashlib.sha256((text or "").encode("utf-8", "surrogateescape")).hexdigest()[:8]
        for text in (os.uname().nodename, system.boot())
    )
    return ProcessPlace(host, boot, str(system.namespace() or 0))


def network() -> str:
    """What processes have in common for whom a port of loopback is the same; nothing if unknown."""
    boot, number = system.boot(), system.network()
    return "" if boot is None or number is None else "%s %d" % (boot, number)


def works_in(pid: int, directory: str) -> bool:
    """Whether a process has the run's directory as its own, or was told of it when it started.

    False, too, where the system tells neither.
    """
    folder = os.path.realpath(directory)
    own = system.teller().folder(pid)
    if own is not None and os.path.realpath(own) == folder:
        return True
    found = [v for v in system.teller().variables(pid) if v.startswith(_RUN_DIR)]
    return any(os.path.realpath(os.fsdecode(v[len(_RUN_DIR) :])) == folder for v in found)


def start_time(pid: int, is_fresh: bool = False) -> Optional[int]:
    """When `pid` started, as the system counts (`ProcessTeller.start_time`); None if it is gone.

    Raises Untold.
    """
    return system.teller().start_time(pid, is_fresh)
