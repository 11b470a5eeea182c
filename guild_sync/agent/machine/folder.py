"""The folder that the agent runs from: is it what was sent, is it in use, and how it is mended.

It imports nothing of the agent: a new copy of the folder, which is no package yet, mends the
old one with it.
"""

from __future__ import annotations

import os
import re
import time
from typing import Iterator

MAIN = "__main__.py"
DAY = 86400.0  # seconds


def digest(folder: str) -> str:
    """A name for the agent in `folder`: a digest of its files and where they are."""
    import hashlib  # for remotes alone: it loads OpenSSL

    found = hashlib.sha256()
    for name in sorted(_files(folder)):
        found.update(name.encode() + b"\0" + _content(os.path.join(folder, name)))
    return found.hexdigest()[:16]


def is_whole(folder: str = "") -> bool:
    """Whether the files of the agent's folder are those that were sent: its name is their digest.

    A folder with another kind of name, as of an installed guild, is taken at its word.
    """
    here = folder or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not _was_sent(here):
        return True
    try:
        whole = digest(here) == os.path.basename(here)
        return whole and all(_is_readable(compiled) for compiled in _compiled(here))
    except OSError:
        return False


def mend(new: str, folder: str) -> int:
    """Make the files of `folder` those of `new`, a copy that is whole.

    `__main__.py` is written in place: processes of runs that live hold their lock on it.
    """
    import shutil  # not for each request

    if not os.path.isdir(folder):
        os.unlink(folder)
        os.mkdir(folder)
    for compiled in list(_compiled(folder)):  # of damaged files, or damaged
        os.unlink(compiled)
    for name in _files(new):
        source, target = os.path.join(new, name), os.path.join(folder, name)
        if os.path.isdir(target):
            shutil.rmtree(target)
        if os.path.isfile(target) and _content(target) == _content(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if name == MAIN and os.path.exists(target):
            shutil.copyfile(source, target)
            continue
        unfinished = "%s.%d" % (target, os.getpid())
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, target)
    return 0


def last_use(folder: str) -> float:
    """When the agent in `folder` was last used, as far as its times tell.

    Ours note it (`note_use`); of versions that do not, the kernel notes when their files were
    last read.
    """
    main = os.path.join(folder, MAIN)
    found = os.stat(main if os.path.exists(main) else folder)
    return max(found.st_atime, found.st_mtime)


def note_use(folder: str) -> bool:
    """Note that the agent in `folder` is used; whether that was due.

    It is due once a day: a call is not to write each time. Raises OSError.
    """
    main = os.path.join(folder, MAIN)
    if not _was_sent(folder) or abs(time.time() - os.stat(main).st_mtime) < DAY:
        return False
    os.utime(main)
    return True


def _was_sent(folder: str) -> bool:
    """Whether guild sent the agent there: that of an installed guild is in no such folder."""
    return re.match("[0-9a-f]{16}$", os.path.basename(folder)) is not None


def _files(folder: str, below: str = "") -> Iterator[str]:
    """The agent's files, by their paths below `folder`. Hidden ones are none of it."""
    with os.scandir(os.path.join(folder, below)) as found:  # half the time that os.walk takes
        for entry in found:
            if entry.is_dir():
                if not entry.name.startswith(".") and not entry.is_symlink():
                    yield from _files(folder, below + entry.name + "/")
            elif entry.name.endswith(".py"):
                yield below + entry.name


def _compiled(folder: str) -> Iterator[str]:
    for top, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".pyc"):
                yield os.path.join(top, name)


def _is_readable(compiled: str) -> bool:
    """Whether Python can read what it has compiled, as after a power cut it may not."""
    import marshal

    try:
        marshal.loads(_content(compiled)[16:])
    except (EOFError, ValueError, TypeError):
        return False
    return True


def _content(path: str) -> bytes:
    with open(path, "rb", buffering=0) as f:  # whole: each call to a remote reads all of the files
        return f.read()
