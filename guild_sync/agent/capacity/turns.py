"""The folder in which runs note what they have of this host, and whose turn it is to do so."""

from __future__ import annotations

import os
import stat
import time
from contextlib import contextmanager
from typing import Dict, Iterator, List, Mapping, Optional

from ..errors import AgentError
from ..json_text import read
from ..protocol import Value
from ..store import identity, locks

# On this host's own disk, whatever the guild home is on. Not below /run/user, which goes with
# the last login while runs go on, and is not there for what cron starts.
TOP = "/tmp"
FILE_MODE = 0o600
_TURN = "turn"
_DRAWS, _NUMBER, _NEW = "turn-draws-", "turn-number-", ".new"
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

    It is the folder's.
    """
    here = folder()
    path = os.path.join(here, _TURN)
    deadline = time.monotonic() + _SECONDS
    place: Optional[_Place] = None
    try:
        while True:
            held = locks.flocked(fd := _opened(path))
            if held is None:
                place = place or _Place(here)
            if (held and locks.is_at(fd, path)) or (place and place.is_first()):
                break  # else another has it, or somebody has removed the file meanwhile
            os.close(fd)
            if time.monotonic() > deadline:
                raise AgentError(
                    "another process has not let go of %s in %d s" % (path, _SECONDS),
                    "See which it is: fuser %s" % path,
                )
            time.sleep(_LOOK)
        try:
            yield here
        finally:
            os.close(fd)
    finally:
        if place:
            place.leave()


def _opened(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


class _Place:
    """A place in a queue for the turn, where there is no flock: a bakery's, after Lamport.

    Each process draws a number above all others, and says while it does. No name is used twice,
    so the files of the dead can be removed by anybody at any time.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._draw_number()

    def _draw_number(self) -> None:
        self._name = os.urandom(8).hex()
        draws = self._make(_DRAWS + self._name)
        try:
            last = max((int(name.split("-")[2]) for name in self._living(_NUMBER)), default=0)
            self._number = "%s%012d-%s" % (_NUMBER, last + 1, self._name)
            self._path = self._make(self._number)
        finally:
            os.unlink(draws)
        # Those who may be drawing a number below this one, not having seen it.
        self._draw = {*self._living(_DRAWS)}

    def is_first(self) -> bool:
        """Whether nobody is before it."""
        self._draw &= {*self._living(_DRAWS)}
        numbers = self._living(_NUMBER)
        if self._number not in numbers:  # somebody has removed its file: nobody would wait for it
            self._draw_number()
            return False
        return not self._draw and min(numbers) == self._number

    def leave(self) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass

    def _make(self, name: str) -> str:
        path = os.path.join(self._folder, name)
        fd = os.open(path + _NEW, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            write_record(fd, {})
        finally:
            os.close(fd)
        os.rename(path + _NEW, path)
        return path

    def _living(self, kind: str) -> List[str]:
        """The names of the files of one kind that live processes have made; the others go."""
        found = []
        for name in os.listdir(self._folder):
            if name.startswith(kind) and not name.endswith(_NEW):
                path = os.path.join(self._folder, name)
                try:
                    if lives(record_at(path)):
                        found.append(name)
                    else:
                        os.unlink(path)
                except FileNotFoundError:
                    pass
        return found


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
