"""Is the process that holds a run alive? The kernel's word where it can be had.

A runner holds flock(2) on `.guild/LOCK` for as long as it lives. The file itself has
the pid alone, which is all that Guild AI 0.9 can read there; `.guild/LOCK.owner` has the
rest of the record, which decides where the file system has no flock, or where the
runner was not ours. Looking never changes either file.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from typing import Dict, List, Optional

from ..protocol import Value
from . import inside
from .atomic import write_in

LOCK = "LOCK"
OWNER = "LOCK.owner"
_TRIES = 20
_MAX_RECORD = 4096  # bytes
_NO_FLOCK = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


def hold(guild_dir: str) -> Optional[int]:
    """Take the run's lock for this process; the descriptor to keep open, None if it is held.

    The record is written under the lock. Closing the descriptor, or dying, gives it back.
    """
    for _ in range(_TRIES):
        fd = _opened(guild_dir)
        flocked = _flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if flocked and not _is_at(fd, _path(guild_dir)):
            os.close(fd)  # the last holder removed this file while we opened it
        # A runner of Guild AI holds no flock: its record decides even where ours was had.
        elif flocked is not False and not _owner_alive(guild_dir, _pid(fd)):
            _write_record(guild_dir, fd, flocked is True)
            return fd
        else:
            os.close(fd)
            time.sleep(0.01)  # a probe holds it for microseconds; a runner, for good
    return None


def _opened(guild_dir: str) -> int:
    """The lock's file, made where it is not there.

    It is for its owner alone: whoever may read a file may hold it.
    """
    fd = inside.open_file(guild_dir, LOCK, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600)
    try:
        os.fchmod(fd, 0o600)
    except OSError:
        pass  # another user's
    return fd


def _write_record(guild_dir: str, fd: int, flocked: bool) -> None:
    record = json.dumps(dict(_record(os.getpid()), flock=flocked))
    write_in(guild_dir, OWNER, record, flushed=False)  # of no use after a power cut
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"%d\n" % os.getpid(), 0)


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except OSError:
        return False


def _path(guild_dir: str) -> str:
    return os.path.join(guild_dir, LOCK)


def release(guild_dir: str, fd: int) -> None:
    """Give the lock back and leave nothing of it behind."""
    for name in (OWNER, LOCK):
        try:
            inside.remove(guild_dir, name)
        except OSError:
            pass
    os.close(fd)


def holder(guild_dir: str) -> Optional[int]:
    """The pid of the live process that holds the run, else None."""
    try:
        fd = inside.open_file(guild_dir, LOCK)
    except PermissionError:
        return _holder_by_record(guild_dir)
    except OSError:
        return None
    try:
        free = _flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        pid = _pid(fd)
        if free is False:
            return pid or 0
        return pid if _owner_alive(guild_dir, pid) else None
    finally:
        os.close(fd)


def _holder_by_record(guild_dir: str) -> Optional[int]:
    """As `holder`, for a user to whom the lock itself is closed: what its holder wrote down."""
    record = _record_in(guild_dir)
    pid = record.get("pid") if record is not None else None
    if record is None or not isinstance(pid, int):
        return None
    now = _record(pid)
    is_here = record.get("host") == now["host"]
    same = all(record.get(key) == now[key] for key in ("boot", "start"))
    return pid if not is_here or (same and now["start"] is not None) else None


def owner(guild_dir: str, pid: int) -> Optional[Dict[str, Value]]:
    """The record that a runner of ours left with its pid: `host`, `start`, `boot`; else None."""
    return _read_record(guild_dir, pid)


def can_lock(fd: int) -> bool:
    """Whether the file system of an open file has flock."""
    return _flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB) is not None


def _flock(fd: int, how: int) -> Optional[bool]:
    """True: the lock is ours; False: it is held; None: this file system has none."""
    try:
        fcntl.flock(fd, how)
        return True
    except OSError as e:
        if e.errno in _NO_FLOCK:
            return None
        return False


def _pid(fd: int) -> Optional[int]:
    try:
        first = os.pread(fd, 32, 0).split(b"\n", 1)[0].strip()
    except OSError:  # no file: a FIFO, say
        return None
    return int(first) if first.isdigit() else None


def _owner_alive(guild_dir: str, pid: Optional[int]) -> bool:
    """Whether the recorded process lives, for a lock that no flock holds."""
    if not pid:
        return False
    record = _read_record(guild_dir, pid)
    if record is None:
        return _started_before_lock(guild_dir, pid)
    if record.get("flock"):
        return False  # it held one, and nobody does now
    now = _record(pid)
    if record.get("host") != now["host"]:
        return True  # another machine on the same disk: only that machine knows
    return now["start"] is not None and all(record.get(k) == now[k] for k in ("boot", "start"))


def _read_record(guild_dir: str, pid: int) -> Optional[Dict[str, Value]]:
    record = _record_in(guild_dir)
    return record if record is not None and record.get("pid") == pid else None


def _record_in(guild_dir: str) -> Optional[Dict[str, Value]]:
    try:
        record = json.loads(inside.read(guild_dir, OWNER, _MAX_RECORD))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _record(pid: int) -> Dict[str, Value]:
    return {
        "pid": pid,
        "start": start_time(pid),
        "boot": _first_line("/proc/sys/kernel/random/boot_id"),
        "host": os.uname().nodename,
    }


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
    except OSError:
        return []


def _started_before_lock(guild_dir: str, pid: int) -> bool:
    """For a lock that Guild AI wrote: a process younger than the file only reuses its pid."""
    ticks = start_time(pid)
    uptime = _first_line("/proc/uptime")
    if ticks is None or uptime is None:
        return False
    started = time.time() - float(uptime.split()[0]) + ticks / os.sysconf("SC_CLK_TCK")
    return started <= os.stat(_path(guild_dir), follow_symlinks=False).st_mtime + 1


def _first_line(path: str) -> Optional[str]:
    try:
        with open(path, encoding="ascii") as f:
            return f.readline().strip()
    except OSError:
        return None
