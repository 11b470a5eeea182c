"""The folder in which runs note what they have of this host, and whose turn it is to do so."""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager
from typing import Callable, Dict, Iterator, Mapping, Optional

from ..errors import AgentError
from ..json_text import read
from ..protocol import Value
from ..store import identity, locks

# On this host's own disk, whatever the guild home is on. Not below /run/user, which goes with
# the last login while runs go on, and is not there for what cron starts.
TOP = "/tmp"
FILE_MODE = 0o600
_TURN = "turn"
_MOST = 1 << 16  # bytes of a record
_SECONDS = 30.0  # a turn takes milliseconds
_LOOK = 0.005


def folder() -> str:
    """The folder, made where it is not there, which is for nobody else to change.

    Raises AgentError where it is somebody else's.
    """
    path = os.path.join(TOP, "guild-%d" % os.getuid())
    for place in (path, os.path.join(path, "shares")):
        try:
            os.mkdir(place, 0o700)
        except FileExistsError:
            pass
        state = os.lstat(place)
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
            raise AgentError(
                "%s is not this user's folder, and guild notes there which run has which GPU"
                % place,
                "Have it removed; guild makes its own.",
            )
        if stat.S_IMODE(state.st_mode) != 0o700:
            os.chmod(place, 0o700)
    return os.path.join(path, "shares")


def held_folder() -> int:
    """A handle by which what cleans /tmp up leaves the folder alone (tmpfiles.d(5), "Age")."""
    handle = os.open(folder(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    locks.flocked(handle, exclusive=False)
    return handle


@contextmanager
def turn() -> Iterator[str]:
    """The right to look at what runs have and to add to it: one process at a time has it.

    It is the folder's. Where there is no flock, it is a file that only one process can make.
    """
    path = os.path.join(folder(), _TURN)
    deadline = time.monotonic() + _SECONDS
    while (given_back := _taken(path)) is None:
        if time.monotonic() > deadline:
            raise AgentError(
                "another process has not let go of %s in %d s" % (path, _SECONDS),
                "See which it is: fuser %s" % path,
            )
        time.sleep(_LOOK)
    try:
        yield os.path.dirname(path)
    finally:
        given_back()


def _taken(path: str) -> Optional[Callable[[], None]]:
    """What gives the turn back, which is ours now; None where another process has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    held = locks.flocked(fd)
    if held and _is_at(fd, path):  # else somebody has removed it meanwhile
        return lambda: os.close(fd)
    os.close(fd)
    record = path + ".record"
    return (lambda: os.unlink(record)) if held is None and _is_made(record) else None


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def _is_made(path: str) -> bool:
    """Make the file, with a record of this process; False where there is one of a live process."""
    own = "%s.%s" % (path, os.urandom(8).hex())
    fd = os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        write_record(fd, {})
        os.link(own, path)
        return True
    except FileExistsError:
        _put_away_dead(path, own)
        return False
    finally:
        os.close(fd)
        os.unlink(own)


def _put_away_dead(path: str, own: str) -> None:
    """Remove the file where the process that made it is dead."""
    aside = own + ".aside"
    try:
        if lives(record_at(path)):
            return
        os.rename(path, aside)
    except FileNotFoundError:
        return
    if lives(record_at(aside)):  # another has done the same, and has made it anew, in between
        os.link(aside, path)
    os.unlink(aside)


def write_record(fd: int, values: Mapping[str, Value]) -> None:
    """Write to a new file what it says, and which process this is."""
    import json

    text = json.dumps({**identity.of(os.getpid())._asdict(), **values})
    os.pwrite(fd, text.encode("utf-8"), 0)


def record_of(fd: int) -> Dict[str, Value]:
    """What a file says; nothing where it cannot be read."""
    try:
        found = read(os.pread(fd, _MOST, 0))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def record_at(path: str) -> Dict[str, Value]:
    """As `record_of`, of the file at a path. Raises FileNotFoundError where there is none."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return record_of(fd)
    finally:
        os.close(fd)


def lives(record: Mapping[str, Value]) -> bool:
    """Whether the process that wrote a record lives, as far as can be seen from here."""
    who = identity.recorded(record)
    return who is not None and (identity.lives(who) or identity.is_in_other_namespace(who))
