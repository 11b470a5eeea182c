"""Is the process that holds a run alive? The kernel's word where it can be had.

A runner holds flock(2) on `.guild/LOCK` for as long as it lives. The file itself has
the pid alone, which is all that Guild AI 0.9 can read there; `.guild/LOCK.owner` has the
rest of the record, which decides where the file system has no flock, or where the
runner was not ours. Looking never changes either file.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from typing import NamedTuple, Optional, Tuple

from ..facts import here as system
from ..facts.telling import Untold
from . import identity, inside
from .atomic import write_in
from .identity import Identity
from .identity import start_time as start_time

LOCK = "LOCK"
OWNER = "LOCK.owner"
MAX_RECORD = 4096  # bytes
OPERATION = "LOCK.operation"  # agent/machine/operation_process.py has what is in it
# Of a run that is a job of a scheduler, or was: which; agent/scheduling/records.py writes it.
JOB_RECORD = "JOB.record"  # JOB alone is Guild AI's: a pid
# Of a batch whose trials are jobs of its own: their ids. No process holds it.
TRIALS = "LOCK.trials"
MODE = 0o600  # whoever may open the file could hold it
_TRIES = 20
_NO_FLOCK = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)


class Holder(NamedTuple):
    """The live process that holds a run.

    `pid` is 0 where it has no number here, or none yet. `machine` is where it is, if that is
    another machine on the same disk, or a container of this one.
    """

    pid: int
    machine: Optional[str] = None


def hold(guild_dir: str, force: bool = False) -> Optional[int]:
    """Take the run's lock for this process; the descriptor to keep open, None if it is held.

    The record is written under the lock. Closing the descriptor, or dying, gives it back.
    With `force` the record of another machine, which cannot be asked, holds nothing.
    """
    path = _path(guild_dir)
    renewed = False
    for _ in range(_TRIES):
        fd = inside.open_file(guild_dir, LOCK, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, MODE)
        flocked = _flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if flocked and not is_at(fd, path):
            os.close(fd)  # the last holder removed this file while we opened it
        # A runner of Guild AI holds no flock: its record decides even where ours was had.
        elif not _holder_of(guild_dir, fd, flocked, force):
            if renewed or not _others_may_open(fd):
                try:
                    _write_record(guild_dir, fd, flocked is True)
                except BaseException:
                    os.close(fd)
                    raise
                return fd
            renewed = True  # once: some file systems have no modes
            _put_away(path, fd)
        else:
            os.close(fd)
            time.sleep(0.01)  # a probe holds it for microseconds; a runner, for good
    return None


def _others_may_open(fd: int) -> bool:
    """Whether another user could hold the lock: earlier versions and Guild AI let them."""
    return bool(stat.S_IMODE(os.fstat(fd).st_mode) & ~MODE)


def _put_away(path: str, fd: int) -> None:
    """Remove the lock's file, so that the next one that is made is for its owner alone."""
    aside = "%s.%s" % (path, os.urandom(8).hex())
    try:
        os.rename(path, aside)
        if os.path.samestat(os.stat(aside, follow_symlinks=False), os.fstat(fd)):
            os.unlink(aside)
        else:
            os.rename(aside, path)  # another has just made it anew, and holds it
    except FileNotFoundError:
        pass
    finally:
        os.close(fd)


def _write_record(guild_dir: str, fd: int, flocked: bool) -> None:
    import json  # a listing, which asks for holders, has no use for it

    inside.remove(guild_dir, OPERATION)  # of a runner that was killed
    record = json.dumps(dict(identity.of(os.getpid())._asdict(), flock=flocked))
    write_in(guild_dir, OWNER, record, flushed=False)  # of no use after a power cut
    os.ftruncate(fd, 0)
    os.pwrite(fd, b"%d\n" % os.getpid(), 0)


def is_at(fd: int, path: str) -> bool:
    """Whether an open file is the one of this path: its last holder may have removed it."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except OSError:
        return False


def _path(guild_dir: str) -> str:
    return os.path.join(guild_dir, LOCK)


def release(guild_dir: str, fd: int) -> None:
    """Give the lock back and leave nothing of it behind; what another took by force stays."""
    if not is_taken_over(guild_dir):
        for name in (OPERATION, OWNER, LOCK):
            try:
                inside.remove(guild_dir, name)
            except OSError:
                pass
    os.close(fd)


def is_taken_over(guild_dir: str) -> bool:
    """Whether another process has the lock that this one holds: a person said so elsewhere."""
    record = _read_record(guild_dir)
    return record is not None and not identity.is_same(record[0], identity.of(os.getpid()))


def holder(guild_dir: str) -> Optional[int]:
    """The pid of the live process that holds the run, else None; 0 as `Holder` has it."""
    found = held_by(guild_dir)
    return None if found is None else found.pid


def held_by(guild_dir: str) -> Optional[Holder]:
    """The live process that holds the run, else None."""
    try:
        fd = inside.open_file(guild_dir, LOCK)
    except PermissionError:  # another user's run
        record = _read_record(guild_dir)
        return _recorded_holder(guild_dir, record[0].pid, None) if record else None
    except OSError:
        return Holder(0) if _is_array(guild_dir) else None
    try:
        return _holder_of(guild_dir, fd, _flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB))
    finally:
        os.close(fd)


def _holder_of(
    guild_dir: str, fd: int, flocked: Optional[bool], force: bool = False
) -> Optional[Holder]:
    """Who holds a lock whose flock was tried for; where others may hold it, that says nothing."""
    if flocked is None or (flocked is False and _others_may_open(fd)):
        return _recorded_holder(guild_dir, _pid(fd), None, force)
    return _recorded_holder(guild_dir, _pid(fd), not flocked, force)


def owner(guild_dir: str, pid: Optional[int] = None) -> Optional[Identity]:
    """The process that a runner of ours left the record of, with this pid if one is given."""
    record = _read_record(guild_dir, pid)
    return record[0] if record else None


def can_lock(fd: int) -> bool:
    """Whether the file system of an open file has flock."""
    return flocked(fd) is not None


def flocked(fd: int, exclusive: bool = True) -> Optional[bool]:
    """Try to lock an open file, as `_flock` has it."""
    return _flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)


def give_back(fd: int) -> None:
    """Unlock an open file, also for processes that have inherited it."""
    _flock(fd, fcntl.LOCK_UN)


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


def _recorded_holder(
    guild_dir: str, pid: Optional[int], held: Optional[bool], force: bool = False
) -> Optional[Holder]:
    """The recorded process if it holds the lock; `held` is the word of flock, None without one."""
    if not pid:
        return Holder(0) if held else None
    try:
        return _process_recorded(guild_dir, pid, held, force)
    except Untold:
        return Holder(0)  # it may live


def _process_recorded(
    guild_dir: str, pid: int, held: Optional[bool], force: bool
) -> Optional[Holder]:
    record = _read_record(guild_dir, pid)
    if record is None:
        return Holder(pid) if held or _started_before_lock(guild_dir, pid) else None
    who, is_flock = record
    is_forced = force and not held
    is_on_node = _is_on_node(guild_dir, who)
    if is_on_node and inside.exists(guild_dir, "attrs/exit_status"):
        return None  # it has ended, or its scheduler says so of what was killed with it
    if identity.is_elsewhere(who):
        # That flock was had here says nothing: on many a shared disk each machine has its own.
        return None if is_forced else Holder(0, who.host)
    if held is False and is_flock and not is_on_node:
        return None  # it held one, and nobody does now
    if identity.is_in_other_namespace(who):
        return None if is_forced else Holder(0, "%s, in another container" % who.host)
    if identity.lives(who):
        return Holder(pid)
    return Holder(0) if held else None  # somebody is just taking it


def _is_array(guild_dir: str) -> bool:
    """Whether it is a batch whose trials, jobs of a scheduler, are not all over: they run it."""
    is_array = inside.exists(guild_dir, TRIALS)
    return is_array and not inside.exists(guild_dir, "attrs/exit_status")


def _is_on_node(guild_dir: str, who: Identity) -> bool:
    """Whether it runs a job on a node of its cluster, be that a container of this machine: flock
    may be each node's own there."""
    return who.host != os.uname().nodename and inside.exists(guild_dir, JOB_RECORD)


def _read_record(guild_dir: str, pid: Optional[int] = None) -> Optional[Tuple[Identity, bool]]:
    """Who has the lock, and whether by flock; with `pid`, only where it is that process."""
    record = inside.read_mapping(guild_dir, OWNER, MAX_RECORD)
    who = identity.recorded(record)
    if who is None or pid not in (None, who.pid):
        return None
    return who, bool(record.get("flock"))


def _started_before_lock(guild_dir: str, pid: int) -> bool:
    """For a lock that Guild AI wrote: a process younger than the file only reuses its pid."""
    started = system.teller().started_at(pid)
    if started is None:
        return False
    lock = inside.status(guild_dir, LOCK)  # it may have been given back since
    return lock is not None and started <= lock.st_mtime + 1
