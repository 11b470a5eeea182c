"""Contents that are kept by their SHA-256: each is there whole, or not at all.

A content's time of change is made of its digest. So one that somebody has written to is told by
its time, and so is the file of a run that has come from one (`is_as_kept`); and no two contents
have the same size and time, by which rsync tells files apart.
"""

from __future__ import annotations

import os
import re
import stat
from typing import Dict, List, Optional, Union

from ..store import inside
from .digests import sha256_of

FOLDER = "contents"  # in the guild home
INCOMING = ".incoming-"  # and the id of the run that what is in it is for
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
READ_ONLY, _WRITABLE = 0o444, 0o222
_FIRST = 946_684_800  # 2000-01-01
_SPAN = 1 << 29  # seconds: 17 years


def path_of(home: str, digest: str) -> str:
    """Where a content is kept, or would be."""
    return os.path.join(home, FOLDER, digest[:2], digest)


def is_digest(text: str) -> bool:
    """Whether it can be the name of a content."""
    return _DIGEST.match(text) is not None


def time_of(digest: str) -> int:
    """The time of change of each file with this content, in nanoseconds since 1970."""
    return (_FIRST + int(digest[:16], 16) % _SPAN) * 1_000_000_000


def is_as_kept(status: Optional[os.stat_result], digest: str, size: int) -> bool:
    """Whether a file is one with this content still, by its size and time."""
    if status is None or not stat.S_ISREG(status.st_mode):
        return False
    return status.st_size == size and status.st_mtime_ns == time_of(digest)


def set_time(file: Union[str, int], digest: str) -> None:
    """Have a file with this content, by its path or its descriptor, show that it has."""
    at = time_of(digest)
    os.utime(file, ns=(at, at))


def missing(home: str, contents: Dict[str, int]) -> List[str]:
    """Those of the contents, digest -> size, that are not kept here."""
    return [d for d, size in contents.items() if not is_whole(path_of(home, d), d, size)]


def is_whole(path: str, digest: str, size: int) -> bool:
    """Whether a file that is kept has this content.

    One of which a run has changed the time or the mode, and no more, is read, and is as kept again.
    """
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode) or status.st_size != size:
            return False
        if is_as_kept(status, digest, size) and not status.st_mode & _WRITABLE:
            return True
        if sha256_of(path) != digest:
            return False
        make_as_kept(path, digest)
    except OSError:
        return False
    return True


def incoming(home: str, run_id: str) -> str:
    """Where contents for a run come before they are kept."""
    return os.path.join(home, FOLDER, INCOMING + run_id)


def make_incoming(home: str, run_id: str) -> None:
    """Make the folder for what is to come for a run."""
    os.makedirs(incoming(home, run_id), mode=0o700, exist_ok=True)


def forget_incoming(home: str, run_id: str) -> None:
    """Remove what has come for a run, and was not kept."""
    from .. import trees  # listings, which know of contents, remove nothing

    trees.remove_tree(incoming(home, run_id))


def take(home: str, run_id: str, contents: Dict[str, int]) -> List[str]:
    """Keep what has come for a run; those of the contents, digest -> size, that are not here.

    What has come is kept only where it has the digest that it is called by.
    """
    lacking = missing(home, contents)
    come = [digest for digest in lacking if _has_come(home, run_id, digest)]
    if come:
        folders = [os.path.dirname(path_of(home, digest)) for digest in come]
        for folder in folders:
            os.makedirs(folder, exist_ok=True)
        inside.flush([incoming(home, run_id)])  # before any of them has its name
        for digest in come:
            os.replace(os.path.join(incoming(home, run_id), digest), path_of(home, digest))
        inside.flush(folders)
    forget_incoming(home, run_id)
    return missing(home, {digest: contents[digest] for digest in lacking})


def make_as_kept(path: str, digest: str) -> None:
    """Have a file with this content be as those that are kept."""
    os.chmod(path, READ_ONLY)
    set_time(path, digest)


def _has_come(home: str, run_id: str, digest: str) -> bool:
    """Whether a content has come for a run, and not another; then it is as those that are kept."""
    path = os.path.join(incoming(home, run_id), digest)
    try:
        handle = os.open(path, inside.READ)
    except OSError:  # it has not come, or is a link
        return False
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode) or sha256_of(path) != digest:
            return False
    finally:
        os.close(handle)
    make_as_kept(path, digest)
    return True
