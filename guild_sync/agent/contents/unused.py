"""Contents that no run has need of any more, removed."""

from __future__ import annotations

import os
import stat
import time
from typing import Dict, List, Optional, Set

from .. import trees
from ..protocol import WEEK, Leaving
from ..store import inside, rundir
from . import inputs
from .kept import FOLDER, INCOMING, is_digest

CONTENT = "content"  # a kind of what agent/leavings.py tells of
_GONE = ".gone-"  # and the digest: of one that is being removed
_PREFIX = 2  # digits of a digest, which its folder is called by


def unused(home: str, seconds: float = 0, remove: bool = False) -> List[Leaving]:
    """Contents that no run here names, in the trash neither, and that nobody has used for so long.

    With `remove` they are no more. A run that is made meanwhile finds them there, or is sent them
    again.
    """
    names = _contents(home)
    now = time.time()
    # A link made or removed changes that time too, so it says when a run last had it.
    old = {
        path: status
        for path, status in names.items()
        if status.st_nlink == 1 and (not seconds or now - status.st_ctime >= seconds)
    }
    if remove:
        _forget_incoming(home, now)
    if not old:
        return []
    named = _named(home)
    free = {path: status for path, status in old.items() if _digest(path) not in named}
    if remove:
        free = _removed(home, free)
    return [
        {"kind": CONTENT, "path": path, "bytes": status.st_size}
        for path, status in sorted(free.items(), key=lambda item: item[0])
    ]


def _contents(home: str) -> Dict[str, os.stat_result]:
    """The contents that are kept, and those that were being removed."""
    top, found = os.path.join(home, FOLDER), {}
    for folder in _names(top):
        if len(folder) != _PREFIX:  # what comes is in others
            continue
        for name in _names(os.path.join(top, folder)):
            path = os.path.join(top, folder, name)
            status = _status(path)
            if is_digest(_digest(path)) and status is not None and stat.S_ISREG(status.st_mode):
                found[path] = status
    return found


def _digest(path: str) -> str:
    name = os.path.basename(path)
    return name[len(_GONE) :] if name.startswith(_GONE) else name


def _names(folder: str) -> List[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _status(path: str) -> Optional[os.stat_result]:
    try:
        return os.lstat(path)
    except OSError:
        return None


def _named(home: str) -> Set[str]:
    """The digests of what the runs here, and those in the trash, have need of or were given."""
    found: Set[str] = set()
    for deleted in (False, True):
        for name in rundir.names(rundir.runs_dir(home, deleted=deleted)):
            found |= inputs.named(rundir.run_dir(home, name, deleted=deleted))
    return found


def _removed(home: str, free: Dict[str, os.stat_result]) -> Dict[str, os.stat_result]:
    """Remove contents, but for those that a run has meanwhile got, or has begun to name.

    They are moved away first: who looks for one after that does without it, and who had looked
    before has named it by now.
    """
    gone = {}
    for path, status in free.items():
        aside = os.path.join(os.path.dirname(path), _GONE + _digest(path))
        try:
            os.rename(path, aside)
        except OSError:
            continue  # gone, or not ours to remove
        gone[aside] = path, status
    named = _named(home)
    removed = {}
    for aside, (path, status) in gone.items():
        now = _status(aside)
        if now is not None and (now.st_nlink > 1 or _digest(path) in named):
            os.rename(aside, os.path.join(os.path.dirname(path), _digest(path)))
        else:
            inside.remove(os.path.dirname(aside), os.path.basename(aside))
            removed[path] = status
    return removed


def _forget_incoming(home: str, now: float) -> None:
    """Remove what has come for runs that were never made.

    What is sent grows, but a link may hang for a while, and a run may be made again.
    """
    for name in _names(os.path.join(home, FOLDER)):
        path = os.path.join(home, FOLDER, name)
        times = [s.st_mtime for p in (path, *_paths(path)) if (s := _status(p)) is not None]
        if name.startswith(INCOMING) and times and now - max(times) > WEEK:
            trees.remove_tree(path)


def _paths(folder: str) -> List[str]:
    return [os.path.join(folder, name) for name in _names(folder)]
