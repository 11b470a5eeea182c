"""An archive that is required, unpacked: nothing of it leaves the folder that it goes to."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Iterator

from .. import trees
from ..errors import AgentError
from ..store import rundir

if TYPE_CHECKING:
    from ..archives.members import Member

_ZIP = (".zip",)
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_MOST_FILES = 1_000_000
_EXECUTABLE = 0o111


def is_archive(path: str) -> bool:
    """Whether a file is an archive that is unpacked, by its name."""
    return path.lower().endswith(_ZIP + _TAR) and os.path.isfile(path)


@contextmanager
def unpacked(path: str, folder: str) -> Iterator[str]:
    """A new folder in `folder` with the files of an archive, which is gone afterwards.

    Raises AgentError for what is no archive, for one with a path that leads out of it, and for
    one that has more than there is room for. Links, devices and the like are left out.
    """
    target = tempfile.mkdtemp(prefix="unpacked-", dir=folder)
    try:
        _unpack(path, target)
        yield target
    finally:
        trees.remove_tree(target)


def _unpack(path: str, target: str) -> None:
    from ..archives import members, unpacking

    shown = rundir.shown(os.path.basename(path))
    room = shutil.disk_usage(target).free
    number = 0
    with members.making_sense(path):
        for member in _members(path):
            if member.kind != members.FILE or not member.path:
                continue
            if "\\" in member.path:  # which leads out where a zip is unpacked on Windows
                raise members.Outside(member.path)
            number += 1
            room -= member.size
            if room < 0 or number > _MOST_FILES:
                raise AgentError("the archive %s has more than there is room for" % shown)
            program = 0o755 if member.mode & _EXECUTABLE else 0o644
            unpacking.put(target, member._replace(mode=program, time=None), replace=True)


def _members(path: str) -> Iterator[Member]:
    import tarfile

    from ..archives import members

    if path.lower().endswith(_ZIP):
        yield from members.of_zip(path)
        return
    with tarfile.open(path, encoding="utf-8", errors="surrogateescape") as archive:
        yield from members.of_open_tar(archive)
        members.read_padding(archive)
