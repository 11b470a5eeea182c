"""Whether anything of a run has changed, without its files being read."""

from __future__ import annotations

import os
import stat
import time
from typing import Collection, Iterator, NamedTuple, Optional, Tuple

from ..contents import inputs
from ..errors import refuse_exhaustion
from ..protocol import CACHE
from ..store import locks, rundir

_STAMP_DIGITS = 32
# What a copy leaves out does not change a stamp either (rsync/argv.py).
_NOT_STAMPED = (rundir.JOB_PACKAGES, rundir.PENDING, rundir.STAGED)


class Look(NamedTuple):
    """What a look at all files of a run tells: its stamp, and the bytes that a copy takes."""

    stamp: str = ""
    bytes: Optional[int] = None


def look(directory: str, until: float, salt: Optional[str] = "") -> Look:
    """A digest that changes where any file of the run does, by its path, size or time; its bytes.

    It is what rsync compares. Neither is known where the time `until` (monotonic seconds) came
    first. With another `salt` it is another one, and with None there is no digest.
    """
    digest = None
    if salt is not None:
        import hashlib  # for runs that are not over: it loads OpenSSL

        digest = hashlib.sha256(salt.encode())  # not MD5, which a machine in FIPS mode refuses
    total = 0
    for count, (path, status) in enumerate(files_of(directory)):
        if count % 256 == 0 and time.monotonic() > until:
            return Look()
        if digest is not None:
            known = "%d %d %o" % (status.st_size, status.st_mtime_ns, status.st_mode)
            digest.update(os.fsencode(path) + b"\0" + known.encode() + b"\n")
        if stat.S_ISREG(status.st_mode):  # sparse files stay so
            total += min(status.st_size, status.st_blocks * 512)
    return Look("" if digest is None else digest.hexdigest()[:_STAMP_DIGITS], total)


def seal(directory: str) -> str:
    """A digest that changes where anything is done to a file of the run, whatever its times say.

    Nobody can set the time at which a file was changed last; of a file system that gives none
    it is a stamp. What others were given of the same content changes that time in all of them, of
    a file that none of them may write to.
    """
    import hashlib

    digest = hashlib.sha256()
    given = inputs.given(directory)
    for path, status in files_of(directory):
        is_shared = status.st_nlink > 1 and path[1:] in given and not status.st_mode & 0o222
        changed = 0 if is_shared else status.st_ctime_ns
        known = (status.st_size, status.st_mtime_ns, status.st_mode, changed)
        digest.update(os.fsencode(path) + b"\0" + repr((*known, status.st_ino)).encode() + b"\n")
    return digest.hexdigest()[:_STAMP_DIGITS]


def files_of(top: str) -> Iterator[Tuple[str, os.stat_result]]:
    """What a copy takes of the run: each path, behind a slash, and what is known of it."""
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError as e:
            refuse_exhaustion(e)
            continue  # it went while we looked: its own folder's time tells
        in_guild = folder == rundir.guild_dir(top)
        for item in items:
            if item.name == CACHE:
                continue
            if in_guild and (item.name in _NOT_STAMPED or item.name.startswith(locks.LOCK)):
                continue
            try:
                status = item.stat(follow_symlinks=False)
                if item.is_dir(follow_symlinks=False):
                    folders.append(item.path)
                    if item.path == rundir.guild_dir(top):
                        continue  # marks come and go in it
            except OSError:
                continue
            yield item.path[len(top) :], status


def is_among(path: str, left_out: Collection[str]) -> bool:
    """Whether a file is left out: by itself, or with a folder, whose name ends with a slash."""
    ends = [at + 1 for at, character in enumerate(path) if character == "/"]
    return path in left_out or any(path[:end] in left_out for end in ends)
