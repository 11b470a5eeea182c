"""A content put into a run: shared with it where nobody can write to it, else copied.

A run that writes to what it was given has a copy, or gets an error; what others were given of the
same content stays as it is.
"""

from __future__ import annotations

import fcntl
import os
import shutil

from ..errors import AgentError
from ..store import inside, rundir
from .inputs import Content
from .kept import is_whole, set_time

_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one is written to


def give(path: str, content: Content, top: str, name: str, own: bool) -> None:
    """Put the content, which is at `path`, into a run's folder `top` as `name`.

    Where blocks can be shared the run has a copy that takes no room; else a name of the file that
    is kept, which it may only read; else, and where it is to be the run's `own`, a copy.
    Raises AgentError where somebody has written to what is kept.
    """
    path = os.path.realpath(path)
    if not is_whole(path, content.digest, content.size):
        raise AgentError(
            "the required file %s was changed on this machine after it was sent"
            % rundir.shown(name),
            "--force-sourcecode sends it again.",
        )
    mode = 0o755 if content.is_program else 0o644
    is_shared = not own and not content.is_program and os.geteuid() != 0  # modes stop no root
    with open(path, "rb") as f, os.fdopen(inside.create(top, name, mode), "wb") as target:
        if not _cloned(target.fileno(), f.fileno()):
            if is_shared and _linked(path, top, name):
                return
            shutil.copyfileobj(f, target, 1 << 20)
            target.flush()
        set_time(target.fileno(), content.digest)


def keep_name(path: str, guild: str, name: str) -> None:
    """Have guild's own folder of a run keep a name for a content that is at `path`."""
    inside.remove(guild, name)
    with inside.holding(guild, name, make=True) as (handle, base):
        try:
            os.link(path, base, dst_dir_fd=handle, follow_symlinks=False)
        except FileNotFoundError:
            raise
        except OSError:  # another device, no such names there, too many of them
            os.symlink(path, base, dir_fd=handle)


def copy(path: str, top: str, name: str, mode: int = 0o644) -> None:
    """Copy a file's contents to `name`, a path in a folder of a run."""
    with open(path, "rb") as f, os.fdopen(inside.create(top, name, mode), "wb") as target:
        if not _cloned(target.fileno(), f.fileno()):
            shutil.copyfileobj(f, target, 1 << 20)


def _linked(path: str, top: str, name: str) -> bool:
    """Whether a new file of a run is another name of the one at `path` now."""
    with inside.holding(top, name) as (handle, base):
        other = ".%s" % os.urandom(8).hex()
        try:
            os.link(path, other, dst_dir_fd=handle, follow_symlinks=False)
        except OSError:  # another device, no such names there, too many of them
            return False
        os.replace(other, base, src_dir_fd=handle, dst_dir_fd=handle)
    return True


def _cloned(target: int, source: int) -> bool:
    """Whether a new file shares the blocks of another now."""
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
