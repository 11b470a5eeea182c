"""Which process it is: a number alone says little, for numbers are given again.

A process is who it is by its number, the time at which it started, the boot of its machine
and the pid namespace that its number counts in. The host's name only tells people where it is.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import List, Mapping, NamedTuple, Optional

from ..errors import refuse_exhaustion
from ..protocol import Value


class Identity(NamedTuple):
    """A process, told from any other that has, had or will have its number."""

    pid: int
    start: Optional[int]  # clock ticks since boot; None where it is gone
    boot: Optional[str]
    host: str
    namespace: Optional[int]  # the inode of /proc/self/ns/pid; None where it is not known


def of(pid: int) -> Identity:
    """The process that has this number here and now."""
    return here(pid, start_time(pid))


def here(pid: int, start: Optional[int]) -> Identity:
    """The process with this number that started then, on this machine."""
    return Identity(pid, start, _boot(), os.uname().nodename, _namespace())


def recorded(record: Mapping[str, Value]) -> Optional[Identity]:
    """The process that a record tells of, None where that makes no sense."""
    pid, start, namespace = (record.get(name) for name in ("pid", "start", "namespace"))
    boot, host = record.get("boot"), record.get("host")
    if not isinstance(pid, int) or pid <= 0:
        return None
    return Identity(
        pid,
        start if isinstance(start, int) else None,
        boot if isinstance(boot, str) else None,
        host if isinstance(host, str) else "",
        namespace if isinstance(namespace, int) else None,
    )


def is_same(one: Identity, other: Identity) -> bool:
    """Whether they are one process, whatever its machine was called when it was recorded."""
    return one._replace(host="") == other._replace(host="")


def is_elsewhere(who: Identity) -> bool:
    """Whether it is a process of another machine: neither name nor boot are this one's."""
    return who.host != os.uname().nodename and (who.boot is None or who.boot != _boot())


def is_in_other_namespace(who: Identity) -> bool:
    """Whether it is a process of this machine whose number counts elsewhere: a container's."""
    known = None not in (who.namespace, _namespace())
    return who.boot == _boot() and known and who.namespace != _namespace()


def lives(who: Identity) -> bool:
    """Whether just this process lives, as seen from here."""
    now = of(who.pid)
    if who.boot != now.boot or is_in_other_namespace(who):
        return False
    return now.start is not None and who.start == now.start


def is_still_meant(who: Identity) -> bool:
    """Whether its number, and that of its session, can mean nobody else here, though it ended."""
    now = of(who.pid)
    is_here = who.boot == now.boot and not is_in_other_namespace(who)
    return is_here and now.start in (None, who.start)


def send(who: Identity, signum: int) -> None:
    """Send a signal to this process and no other; ProcessLookupError where it is gone."""
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
        if not lives(who):
            raise ProcessLookupError(who.pid)
        if handle is not None and send_to_handle is not None:
            send_to_handle(handle, signum)
        else:
            os.kill(who.pid, signum)
    finally:
        if handle is not None:
            os.close(handle)


def is_gone(pid: str) -> bool:
    """Whether a part of a file's name is the number of a process or thread that is no more."""
    return pid.isdigit() and start_time(int(pid)) is None


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
        for text in (os.uname().nodename, _boot())
    )
    return ProcessPlace(host, boot, str(_namespace() or 0))


def network() -> str:
    """What processes have in common for whom a port of loopback is the same; nothing if unknown."""
    try:
        number = os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return ""
    return "%s %d" % (_boot(), number) if _boot() else ""


def works_in(pid: int, directory: str) -> bool:
    """Whether a process has the run's directory as its own, or was told of it when it started."""
    folder = os.path.realpath(directory)
    try:
        if os.path.realpath(os.readlink("/proc/%d/cwd" % pid)) == folder:
            return True
        with open("/proc/%d/environ" % pid, "rb") as f:
            variables = f.read().split(b"\0")
    except OSError:  # it is gone, or another user's
        return False
    found = [v[len(b"RUN_DIR=") :] for v in variables if v.startswith(b"RUN_DIR=")]
    return any(os.path.realpath(os.fsdecode(path)) == folder for path in found)


def start_time(pid: int) -> Optional[int]:
    """When `pid` started, in clock ticks since boot; None if it is gone.

    Source: proc(5), field 22.
    """
    fields = stat_of(pid)
    return None if not fields or fields[0] in (b"Z", b"X") else int(fields[19])


def stat_of(pid: int) -> List[bytes]:
    """The fields of /proc/PID/stat from the third on, the state; none if it is gone."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as f:
            # The second field is the program's name, in parentheses, with anything in it.
            return f.read().rpartition(b")")[2].split()
    except OSError as e:
        refuse_exhaustion(e)
        return []


@lru_cache(maxsize=None)  # neither changes while a process lives
def _boot() -> Optional[str]:
    return first_line("/proc/sys/kernel/random/boot_id")


@lru_cache(maxsize=None)
def _namespace() -> Optional[int]:
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return None


def first_line(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as f:  # as text it would take a module for its encoding
            return f.readline().decode("ascii", "replace").strip()
    except OSError as e:
        refuse_exhaustion(e)
        return None
