"""What the agent does for itself: say what it runs on, find its logs, remove its older versions."""

from __future__ import annotations

import fcntl
import os
import re
import stat
import sys
import time
from typing import AbstractSet, List

from .. import trees
from ..protocol import WEEK, Python
from ..store import inside
from . import folder


def unused_agents(home: str, awaited: AbstractSet[str]) -> List[str]:
    """The folders of agents that nobody has used for a week, nor holds, but those `awaited`."""
    top = os.path.join(home, "agent")
    paths = [os.path.join(top, name) for name in _names(top) if name not in awaited]
    return [p for p in paths if time.time() - folder.last_use(p) > WEEK and _is_free(p)]


def logs(home: str) -> List[str]:
    """Files that guild writes what it has done to: those of syncs, and the reports of bugs."""
    places = (
        (home, r"error\.log(\.[0-9]+)?\Z"),
        (os.path.join(home, "log"), r"sync\.log(\.[0-9]+)?\Z"),
    )
    paths = [os.path.join(top, n) for top, form in places for n in _names(top) if re.match(form, n)]
    return [path for path in paths if stat.S_ISREG(os.lstat(path).st_mode)]


def _names(top: str) -> List[str]:
    try:
        return sorted(os.listdir(top))
    except OSError:
        return []


def _is_free(path: str) -> bool:
    """Whether no process of an agent holds its folder."""
    try:
        with open(os.path.join(path, folder.MAIN), "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def clean_agents(home: str, keep: AbstractSet[str]) -> None:
    """Remove every other version of the agent that no process of it uses, nor has for a week.

    Versions of guild on several workstations may share a remote: the agent of one that has been
    used since is not another's to remove. What was sent in part, or removed in part, goes too.
    The one that was just sent is on the disk by then: after a power cut there is a
    whole one.
    """
    top = os.path.join(home, "agent")
    inside.flush([top])
    for name in os.listdir(top):
        path = os.path.join(top, name)
        try:
            if name not in keep and time.time() - folder.last_use(path) > WEEK:
                _remove_unused(path)
        except OSError:
            pass  # in use, gone meanwhile, or not ours to remove


def _remove_unused(path: str) -> None:
    """Remove an agent's folder. Raises OSError where a process holds it.

    It is moved away first: what is found under its name is whole, or not there.
    """
    gone = os.path.join(os.path.dirname(path), ".gone-%s" % os.urandom(4).hex())
    main = os.path.join(path, folder.MAIN)
    if not os.path.exists(main):
        os.rename(path, gone)
    else:
        with open(main, "rb") as f:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(path, gone)
    trees.remove_tree(gone)


def python(_home: str) -> Python:
    """The Python that the agent runs on."""
    return {"version": "%d.%d.%d" % sys.version_info[:3], "executable": sys.executable}
