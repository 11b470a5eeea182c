"""What `/proc` tells of processes, as Linux has it: proc(5)."""

from __future__ import annotations

import os
import time
from typing import List, Optional, Sequence, Tuple

from ..errors import refuse_exhaustion
from .telling import Process, ProcessTeller

_MOST_WORDS = 4096  # bytes of a command line
_HELD_UP = (b"D", b"T", b"t")  # states of a process


def is_there() -> bool:
    """Whether there is a /proc that tells what is asked of it here."""
    return bool(stat_of("self"))


class ByProc(ProcessTeller):
    """What /proc tells."""

    tells_of_files = True

    def start_time(self, pid: int, is_fresh: bool = False) -> Optional[int]:
        """When a process started, in clock ticks since boot: field 22 of its stat."""
        fields = stat_of(str(pid))
        return None if not fields or fields[0] in (b"Z", b"X") else int(fields[19])

    def started_at(self, pid: int) -> Optional[float]:
        ticks, uptime = self.start_time(pid), first_line("/proc/uptime")
        if ticks is None or uptime is None:
            return None
        return time.time() - float(uptime.split()[0]) + ticks / os.sysconf("SC_CLK_TCK")

    def is_gone(self, number: int) -> bool:
        return self.start_time(number) is None

    def processes(self) -> List[Process]:
        """All processes. Of what is behind the name in their stat: first state, ppid, pgrp and
        session, from the 12th on utime, stime, cutime and cstime, as 20th the start."""
        try:
            names = os.listdir("/proc")
        except OSError as e:
            refuse_exhaustion(e)
            return []
        found = []
        for name in filter(str.isdigit, names):
            fields = stat_of(name)
            if fields:  # else it ended
                parent, group, session = map(int, fields[1:4])
                ticks = sum(map(int, fields[11:15]))
                state, start = fields[0].decode(), int(fields[19])
                found.append(Process(int(name), state, parent, group, session, start, ticks))
        return found

    def number(self) -> int:
        """That of the thread: a process's first has its pid, and all are in /proc."""
        import threading  # few processes copy

        return threading.get_native_id()

    def boot(self) -> Optional[str]:
        return first_line("/proc/sys/kernel/random/boot_id")

    def namespace(self) -> Optional[int]:
        """The inode of the pid namespace."""
        return _inode("/proc/self/ns/pid")

    def network(self) -> Optional[int]:
        return _inode("/proc/self/ns/net")

    def open_files(self, pid: int) -> Sequence[str]:
        folder = "/proc/%d/fd" % pid
        try:
            names = os.listdir(folder)
        except OSError as e:  # it ended, or is another user's
            refuse_exhaustion(e)
            return ()
        found = []
        for name in names:
            try:
                found.append(os.readlink(os.path.join(folder, name)))
            except OSError:
                pass
        return found

    def folder(self, pid: int) -> Optional[str]:
        try:
            return os.readlink("/proc/%d/cwd" % pid)
        except OSError:  # it is gone, or another user's
            return None

    def variables(self, pid: int) -> Sequence[bytes]:
        try:
            with open("/proc/%d/environ" % pid, "rb") as f:
                return f.read().split(b"\0")
        except OSError as e:  # it is gone, or another user's
            refuse_exhaustion(e)
            return ()

    def words(self, pid: int) -> Sequence[bytes]:
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as f:
                return f.read(_MOST_WORDS).rstrip(b"\0").split(b"\0")
        except OSError:
            return ()


def stat_of(process: str) -> List[bytes]:
    """The fields of /proc/PID/stat from the third on, the state; none if it is gone."""
    try:
        with open("/proc/%s/stat" % process, "rb") as f:
            # The second field is the program's name, in parentheses, with anything in it.
            return f.read().rpartition(b")")[2].split()
    except OSError as e:
        refuse_exhaustion(e)
        return []


def work_of(pid: int, but: str = "") -> Optional[Tuple[int, int]]:
    """What a process and all below it have done so far: bytes that they have read, of files, pipes
    and sockets, and the clock ticks that they were on a processor.

    What is below it and called `but` is left out, with all below that. None where it is not told,
    the process has ended, or one of them can do nothing: it is stopped, or a disk here hangs.
    """
    read, ticks, pids = 0, 0, [pid]
    for each in pids:
        if but and each != pid and first_line("/proc/%d/comm" % each) == but:
            continue
        io, fields = first_line("/proc/%d/io" % each), stat_of(str(each))
        below = first_line("/proc/%d/task/%d/children" % (each, each))
        if io is not None and below is not None and fields:
            read += int(io.partition(" ")[2])
            ticks += sum(map(int, fields[11:13]))
            pids += map(int, below.split())
            if fields[0] in _HELD_UP:
                return None
        elif each == pid:
            return None
    return read, ticks


def first_line(path: str) -> Optional[str]:
    """The first line of a small file; None where it cannot be read."""
    try:
        with open(path, "rb") as f:  # as text it would take a module for its encoding
            return f.readline().decode("ascii", "replace").strip()
    except OSError as e:
        refuse_exhaustion(e)
        return None


def _inode(path: str) -> Optional[int]:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
