"""What two guild processes on this machine must not do to one remote at once."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from guild_sync.errors import Busy
from guild_sync.home import guild_home

logging.getLogger("filelock").setLevel(logging.WARNING)

WAIT = 3600.0  # seconds; a pull that waits for another waits no longer


@contextmanager
def remote_lock(
    name: str, *, wait: bool, on_wait: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """Hold this guild home's lock for the remote `name`.

    Where another process holds it: Busy at once, or, with `wait`, `on_wait` is told
    after a second and the lock is waited for.
    """
    folder = guild_home() / "locks"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock")
    try:
        _acquire(lock, name, wait, on_wait)
    except Timeout:
        raise Busy(
            f"another guild works with remote {name!r}", "Try again when it is done."
        ) from None
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, name: str, wait: bool, on_wait: Callable[[str], None]) -> None:
    started = time.monotonic()
    try:
        lock.acquire(timeout=1 if wait else 0)
        return
    except Timeout:
        if not wait:
            raise
    on_wait(f"Waiting for another guild that works with {name}")
    lock.acquire(timeout=WAIT - (time.monotonic() - started))
