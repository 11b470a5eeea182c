"""How well the files of a run pack: a few bytes of those that were written last."""

from __future__ import annotations

import heapq
import os
import stat
import time
from typing import Collection, Tuple

from ..protocol import MOST
from .stamps import files_of, is_among

SECONDS = 0.05  # for all runs of one request
_FILES = 4  # of a run
_LEAST = 1024  # bytes; smaller files come packed with others, and tell little
_READ = 1 << 14  # bytes of each


def sample(directory: str, left_out: Collection[str], until: float) -> Tuple[int, int]:
    """The bytes of some files of the run, and about how many these are once they are packed.

    They are the files that were written last, as these are what comes. Both are 0 where there is
    none, or the time `until` (monotonic seconds) is over.
    """
    if time.monotonic() > until:
        return 0, 0
    try:
        import zlib  # no Python has to be built with it
    except ImportError:
        return 0, 0
    latest = []
    for count, (path, status) in enumerate(files_of(directory)):
        if time.monotonic() > until or count > MOST:
            break
        if stat.S_ISREG(status.st_mode) and status.st_size >= _LEAST:
            if not is_among(path[1:], left_out):
                latest.append((status.st_mtime_ns, path, status.st_size))
    total = packed = 0
    for _, path, size in heapq.nlargest(_FILES, latest):
        data = _middle(directory + path, size)
        if data:
            total += size
            packed += min(size, size * len(zlib.compress(data, 1)) // len(data))
    return total, packed


def _middle(path: str, size: int) -> bytes:
    """What is in the middle of a file; empty where it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(handle, _READ, max(0, size - _READ) // 2)
    except OSError:
        return b""
    finally:
        os.close(handle)
