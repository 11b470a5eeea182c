"""Members of archives put into a folder: nothing of them gets anywhere else."""

from __future__ import annotations

import errno
import os
from typing import IO, Optional

from ..store import inside
from . import members
from .members import Member

_CHUNK = 1 << 20
# Nothing that its owner could not read or change, no setuid or sticky bit, nothing for everybody
# to write to: what a copy from a remote gets (rsync/argv.py).
_OWNERS = {members.FILE: 0o600, members.FOLDER: 0o700}
_MODE = 0o775
# Errors of one member's name or place, which say nothing of the others.
OF_MEMBER = {
    errno.EEXIST: "the archive has two members of the name %s",
    errno.ENAMETOOLONG: "its file %s has too long a name",
    errno.EILSEQ: "no file can have the name %s here",
    errno.ENOTDIR: "its file %s is in what is no folder",
    errno.ELOOP: "its file %s is behind a link",
    errno.EISDIR: "its file %s is a folder too",
    errno.ENOENT: "its file %s is not there",
}


def put(
    folder: str, member: Member, path: str = "", replace: bool = False, hollow: bool = False
) -> None:
    """Make what a member is, at `path` in the folder, or else at its own; no link is followed.

    A file that is `hollow` is as large as it is, and has nothing in it.

    Raises OSError where it cannot be there, as where two members have one name and it is not to
    `replace` the first; EOFError for one that is shorter than it says. What is neither a file nor
    a folder nor a link is passed over; where a link leads, the caller has looked at.
    """
    path = path or member.path
    if member.kind == members.FOLDER:
        inside.make(folder, path)
        inside.set_mode(folder, path, mode(member))
    elif member.kind == members.LINK:
        with inside.holding(folder, path, make=True) as (handle, base):
            if replace:
                inside.remove_at(handle, base)
            os.symlink(member.target, base, dir_fd=handle)
    elif member.kind == members.FILE:
        fd = inside.create(folder, path, 0o600, replace)
        with os.fdopen(fd, "wb") as f:
            if hollow:
                f.truncate(member.size)
            else:
                with member.content() as content:
                    _copy(content, f, member.size)
            os.fchmod(f.fileno(), mode(member))
            set_time(f.fileno(), member.time)


def mode(member: Member) -> int:
    """The mode that a file or folder gets."""
    return member.mode & _MODE | _OWNERS[member.kind]


def set_time(place: int, time: Optional[int]) -> None:
    """Give an open file or folder the time of its member, where that makes sense."""
    if time is not None:
        os.utime(place, ns=(max(time, 0), max(time, 0)))


def _copy(content: IO[bytes], f: IO[bytes], size: int) -> None:
    """The bytes that a member says that it has; holes stay holes."""
    left = size
    while left:
        chunk = content.read(min(left, _CHUNK))
        if not chunk:
            raise EOFError("it is cut short")
        left -= len(chunk)
        if chunk.count(0) == len(chunk):
            f.seek(len(chunk), os.SEEK_CUR)
        else:
            f.write(chunk)
    f.truncate(size)


def is_within(member: Member) -> bool:
    """Whether a link leads to a place in the runs, whatever other links there are.

    Each `..` is at its beginning: behind a name, it would lead out of what a link leads to.
    """
    if member.target.startswith("/") or "\0" in member.target:
        return False
    parts = [part for part in member.target.split("/") if part not in ("", ".")]
    ups = 0
    while ups < len(parts) and parts[ups] == "..":
        ups += 1
    return ".." not in parts[ups:] and ups < len(parts) and ups < len(member.path.split("/"))
