"""What two guild processes on this machine must not do at once to one remote, or to one run."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from guild_sync.agent.protocol import RunId
from guild_sync.agent.store.atomic import write_in
from guild_sync.config.home import file_name, guild_home
from guild_sync.errors import Busy

logging.getLogger("filelock").setLevel(logging.WARNING)

WAIT = 3600.0  # seconds; a pull that waits for another waits no longer


@contextmanager
def remote_lock(
    name: str, *, wait: bool, on_wait: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """Hold this guild home's lock for the remote `name`.

    Where another process holds it: Busy at once, or, with `wait`, `on_wait` is told
    after a second and the lock is waited for. Both say who holds it, and since when.
    """
    folder = guild_home() / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / f"{file_name(name)}.lock")
    owner = folder / f"{file_name(name)}.owner"
    try:
        _acquire(lock, name, owner, wait, on_wait)
    except Timeout:
        raise Busy(
            f"another guild works with remote {name!r}{_holder(owner)}",
            "Try again when it is done.",
        ) from None
    try:
        # Beside the lock: filelock empties its own file whenever it looks at it.
        record = {"pid": os.getpid(), "command": _command(), "since": time.time()}
        with suppress(OSError):  # on a full disk there is only nothing to tell
            write_in(str(folder), owner.name, json.dumps(record), flushed=False)
        yield
    finally:
        with suppress(OSError):
            owner.unlink(missing_ok=True)
        lock.release()


def hold_id(run_id: RunId) -> None:
    """Be the only guild of this guild home that makes a run of that id, until this process ends.

    Raises Busy where another is.
    """
    ids = _ids(guild_home() / "locks")  # where that may not be written, nobody else makes the run
    place = int(run_id, 16) >> 66  # 62 bits: of any file, which need not be as long
    try:
        fcntl.lockf(ids, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):  # fcntl(2): either, whatever the system likes
        raise Busy(f"another guild makes run {run_id}", "Give yours another id.") from None


@cache
def _ids(folder: Path) -> int:
    """A handle on the file in which the place of a byte stands for an id.

    It stays open: where a process closes any handle on a file, all its locks on that end. One file
    for all ids is there for ever, and a guild that is killed leaves nothing more.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(folder / "run-ids.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _acquire(
    lock: FileLock, name: str, owner: Path, wait: bool, on_wait: Callable[[str], None]
) -> None:
    started = time.monotonic()
    try:
        lock.acquire(timeout=1 if wait else 0)
        return
    except Timeout:
        if not wait:
            raise
    on_wait(f"Waiting for another guild that works with {name}{_holder(owner)}")
    lock.acquire(timeout=WAIT - (time.monotonic() - started))


def _command() -> str:
    """What this process was called as: its program, and the command that is its first word."""
    words = [os.path.basename(sys.argv[0]), *sys.argv[1:2]]
    return " ".join(word for word in words if word.isprintable() and not word.startswith("-"))


def _holder(owner: Path) -> str:
    """` (guild sync, process 123, since 10:00:00)`; nothing where that is not known."""
    try:
        record = json.loads(owner.read_text(encoding="utf-8"))
        since = time.strftime("%H:%M:%S", time.localtime(record["since"]))
        return f" ({record['command']}, process {record['pid']}, since {since})"
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return ""
