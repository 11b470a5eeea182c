"""Who has what of this host: a file for each run, held for as long as the run lives.

A run's runner holds flock(2) on its file, and so does its operation, which inherits it: what
becomes of the runner by itself frees nothing. Where there is no flock, the file's record decides.
All of this is done in a turn (turns.py), whose folder each function gets.
"""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..machine import operation_process
from ..protocol import NeedsForm, Value
from ..store import locks, rundir
from . import turns

_HAS, _WAITS = "has-", "waits-"


class Taken(NamedTuple):
    """A GPU that a run has, by its index and its name on this host."""

    number: str
    uuid: str


class Share(NamedTuple):
    """What a run has of this host, or wants of it: then `cards` are those that it could have."""

    run: str  # its directory
    needs: NeedsForm
    cards: Tuple[Taken, ...] = ()
    devices: str = ""  # those that its user has named: runs that name the same have it together


class Held:
    """A file that this process holds: closed, or where this process dies, it counts no more."""

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self.fd = fd

    def release(self, with_what_is_left: bool = True) -> None:
        """Give it back, also where processes that have inherited it go on, or once they end."""
        if with_what_is_left:
            _unlink(self._path)
            locks.give_back(self.fd)
        os.close(self.fd)


def had(folder: str) -> List[Share]:
    """What runs have."""
    return [share for _, share in _alive(folder, _HAS)]


def waiting(folder: str, before: str = "") -> List[Share]:
    """What runs wait for, in the order in which they came: of all, or of those `before` one."""
    return [share for name, share in _alive(folder, _WAITS) if not before or name < before]


def add(folder: str, share: Share) -> Held:
    """Note that a run has this."""
    return _add(folder, _HAS + os.urandom(8).hex(), share)


def queue_up(folder: str, share: Share) -> Tuple[str, Held]:
    """Note that a run waits for this, behind all that wait by now; its ticket."""
    last = max((name for name, _ in _alive(folder, _WAITS)), default=_WAITS + "0")
    number = int(last[len(_WAITS) :].partition("-")[0]) + 1
    ticket = "%s%012d-%s" % (_WAITS, number, os.urandom(4).hex())
    return ticket, _add(folder, ticket, share)


def _add(folder: str, name: str, share: Share) -> Held:
    path = os.path.join(folder, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    fd = os.open(path, flags, turns.FILE_MODE)
    try:
        held = locks.flocked(fd)
        values = {**share._asdict(), "cards": [list(card) for card in share.cards]}
        turns.write_record(fd, {**values, "flock": held is True})
    except BaseException:
        os.close(fd)
        _unlink(path)
        raise
    return Held(path, fd)


def _alive(folder: str, kind: str) -> List[Tuple[str, Share]]:
    """The shares of one kind that somebody holds, in the order of their names; others go."""
    found = []
    for name in sorted(os.listdir(folder)):
        if name.startswith(kind):
            share = _held(os.path.join(folder, name))
            if share is not None:
                found.append((name, share))
            else:
                _unlink(os.path.join(folder, name))
    return found


def _held(path: str) -> Optional[Share]:
    """What a file says, where somebody holds it."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        record = turns.record_of(fd)
        tried = locks.flocked(fd, exclusive=False)
    finally:
        os.close(fd)
    if tried is None or (tried and not record.get("flock")):
        return _share(record) if turns.lives(record) or _operation_lives(record) else None
    return None if tried else _share(record)


def _operation_lives(record: Mapping[str, Value]) -> bool:
    """Whether what a dead runner has started for its run lives."""
    run = record.get("run")
    if not isinstance(run, str) or not os.path.isabs(run):
        return False
    operation = operation_process.of_run(rundir.guild_dir(run))
    return operation is not None and bool(operation_process.living(operation))


def _share(record: Mapping[str, Value]) -> Share:
    """What a record says, as far as it makes sense: the folder is this user's own."""
    needs, cards = record.get("needs"), record.get("cards")
    counts: Dict[str, int] = {
        name: value
        for name, value in (needs if isinstance(needs, dict) else {}).items()
        if isinstance(value, int)
    }
    taken = [
        Taken(str(card[0]), str(card[1]))
        for card in (cards if isinstance(cards, list) else [])
        if isinstance(card, list) and len(card) == 2
    ]
    wanted: NeedsForm = {
        "gpus": counts.get("gpus", 0),
        "cpus": counts.get("cpus", 0),
        "memory": counts.get("memory", 0),
    }
    return Share(str(record.get("run")), wanted, tuple(taken), str(record.get("devices") or ""))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
