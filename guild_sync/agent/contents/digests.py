"""The SHA-256 of files, remembered for as long as these are as they were when they were read."""

from __future__ import annotations

import json
import os
import time
from typing import Dict, Iterable, List, Optional

from ..protocol import Value
from ..store import atomic, inside

_FILE = "cache/digests.json"  # path -> what the file was, when it was read, its digest
_MAX_BYTES = 1 << 24
_MOST = 2000
# A smaller file is read sooner than it is worth to be remembered.
LEAST = 1 << 20
# A file may change again without another time for so long after it has changed.
_TICK = 2_000_000_000  # nanoseconds


def digests_of(home: str, paths: Iterable[str]) -> Dict[str, str]:
    """The SHA-256 of each of the files, in hexadecimal digits; of large ones as remembered.

    Raises OSError for one that cannot be read.
    """
    known = inside.read_mapping(home, _FILE, _MAX_BYTES)
    found: Dict[str, str] = {}
    new: Dict[str, Value] = {}
    for path in paths:
        real = os.path.realpath(path)
        digest = _remembered(known.get(real), real)
        if digest is None:
            before, at = os.stat(real), time.time_ns()
            digest = sha256_of(real)
            if before.st_size >= LEAST and _form(before) == _form(os.stat(real)):
                new[real] = [*_form(before), at, digest]
        found[path] = digest
    if new:
        _remember(home, {**known, **new})
    return found


def sha256_of(path: str) -> str:
    """The SHA-256 of a file's contents."""
    import hashlib  # listings of a run's files, which know of inputs, have no use for it

    digest = hashlib.sha256()
    with open(path, "rb") as f:
        for chunk in iter(lambda: f.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _form(status: os.stat_result) -> List[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ino, status.st_ctime_ns]


def _remembered(entry: Value, path: str) -> Optional[str]:
    """The digest of a file that is what it was, and had been so for a while when it was read."""
    if not isinstance(entry, list) or len(entry) != 6:
        return None
    *form, at, digest = entry
    if form != _form(os.stat(path)) or not isinstance(at, int) or not isinstance(digest, str):
        return None
    _, mtime, _, ctime = form
    is_settled = all(isinstance(t, int) and t + _TICK < at for t in (mtime, ctime))
    return digest if is_settled else None


def _remember(home: str, entries: Dict[str, Value]) -> None:
    if len(entries) > _MOST:
        entries = {path: entry for path, entry in entries.items() if os.path.exists(path)}
        entries = dict([*entries.items()][-_MOST // 2 :])
    try:
        os.makedirs(os.path.join(home, os.path.dirname(_FILE)), exist_ok=True)
        # Two at once: what one of them has read is read again.
        atomic.write_in(home, _FILE, json.dumps(entries), flushed=False)
    except OSError:
        pass  # it is read anew the next time
